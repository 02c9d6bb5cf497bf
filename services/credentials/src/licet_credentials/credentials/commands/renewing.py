"""Renewing a credential: appending a term."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid, require_version
from licet_credentials.credentials import store
from licet_credentials.credentials.change import Change, announce, require_open
from licet_credentials.credentials.commands.writing import apply_step
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.renewal import RenewalDates, RenewalRequest, renewal_dates
from licet_credentials.credentials.repeating import require_not_expired_after, require_not_renewed_yet
from licet_credentials.credentials.steps import with_new_term
from licet_credentials.credentials.store import CredentialWithRules
from licet_credentials.credentials.terms import require_completed, term_of
from licet_credentials.credentials.verification import (
    FRESH_FOR,
    Check,
    has_fresh_check,
    verification_of,
    with_verification,
)
from licet_credentials.holders.store import read_birth_date
from licet_events.catalogue import RenewalEvidence
from licet_events.civil import local_date
from licet_events.credentials import Expiry
from licet_events.ids import uuid7


@dataclass(frozen=True, slots=True)
class RenewCredential:
    """A requested renewal, with its evidence."""

    request: RenewalRequest
    number: str | None = None
    notes: str | None = None
    image_ids: tuple[UUID, ...] = ()
    check: Check | None = None
    """A check that confirmed the new term."""
    award_id: UUID | None = None
    """The award of a programme that renews it: its completion is the evidence."""


async def renew_credential(
    tx: Transaction,
    credential_id: UUID,
    command: RenewCredential,
    *,
    expected_version: int | None,
    now: datetime,
) -> tuple[Credential, RenewalDates]:
    """Append a term; returns the credential, and the dates with the rule that gave each.

    Raises `AlreadyRenewed` for a repetition of the renewal before, and `Conflict` for a term that leaves the
    credential expired, unless that is forced.
    """
    loaded = await store.lock_credential(tx.conn, credential_id)
    require_version(expected_version, loaded.credential.version)
    require_open(loaded.credential)
    before = loaded.credential.last_term
    born = None
    if loaded.rules.needs_birth_date:
        born = await read_birth_date(tx.conn, loaded.credential.holder_id)
    today = local_date(now, before.time_zone)
    if command.award_id is None:
        require_completed(command.request.completed_on, today)
    require_not_renewed_yet(loaded.credential.terms, loaded.rules, command.request, now, born)
    dates = renewal_dates(before, loaded.rules, command.request, today, born)
    if command.number is not None:
        wanted = replace(loaded.credential, number=command.number)
        await store.require_number_free(tx.conn, wanted, loaded.rules)
    _require_evidence(loaded, command, now)
    term = term_of(
        uuid7(),
        valid_from=dates.valid_from,
        expires_on=dates.expires_on,
        month_only=dates.month_only,
        ending=loaded.rules.ending,
        expiry=Expiry.DATED,
        time_zone=before.time_zone,
        recorded_at=now,
        previous_term_id=before.id,
        completed_on=command.request.completed_on,
        notes=command.notes,
        award_id=command.award_id,
    )
    require_not_expired_after(loaded.credential.terms, term, command.request, now)

    def renew(change: Change, _loaded: CredentialWithRules) -> Change:
        change = with_new_term(
            change, term, dates.expires_on_rule, now, number=command.number, image_ids=command.image_ids
        )
        if command.check is not None:
            verification = verification_of(command.check, term, tx.cause.actor, now, within="/verification")
            change = with_verification(change, verification, now)
        return announce(change, now, reason="renewed", actor=tx.cause.actor)

    renewed = await apply_step(tx, loaded, renew, now=now, note=command.request.reason)
    return renewed, dates


def _require_evidence(loaded: CredentialWithRules, command: RenewCredential, now: datetime) -> None:
    image_ids = command.image_ids
    unknown = set(image_ids) - {image.id for image in loaded.credential.images}
    if unknown:
        raise Invalid(f"The credential has no image {min(unknown)}.", pointer="/image_ids")
    for image in loaded.credential.images:
        if image.id in image_ids and image.term_id is not None:
            raise Invalid(
                f"The image {image.id} already supports the term {image.term_id}; a new term needs its own.",
                pointer="/image_ids",
            )
    if command.award_id is not None:
        return
    if loaded.rules.renewal_evidence is RenewalEvidence.IMAGE and not image_ids:
        raise Invalid(
            f"A renewal of {loaded.rules.code} needs an image as evidence: upload it, then list its id here.",
            pointer="/image_ids",
        )
    if loaded.rules.renewal_evidence is not RenewalEvidence.VERIFICATION or command.check is not None:
        return
    if not has_fresh_check(loaded.credential, now):
        raise Invalid(
            f"A renewal of {loaded.rules.code} needs a check that confirms it: send verification with the "
            f"renewal, or record one before; it counts for {FRESH_FOR.days} days.",
            pointer="/verification",
        )
