"""Process awards: each issues or renews one credential, exactly once however often it is delivered."""

from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import NotFound, Refused
from licet_credentials.awards import store
from licet_credentials.awards.model import (
    AwardResult,
    CredentialUnknown,
    HolderUnknown,
    Outcome,
    Reason,
    completion_day,
    refusal_of_renewal,
    refusal_of_type,
)
from licet_credentials.credentials import store as credential_store
from licet_credentials.credentials.commands.recording import RecordCredential, record_credential
from licet_credentials.credentials.commands.renewing import RenewCredential, renew_credential
from licet_credentials.credentials.model import CredentialFacts
from licet_credentials.credentials.renewal import RenewalRequest
from licet_events.credentials import Origin
from licet_events.enrolments import AwardRefusal, AwardRefused, AwardState

_PROGRAMME = "programme"
"""The reason of a renewal by an award."""


async def process_award(tx: Transaction, award: AwardState, *, default_zone: str, now: datetime) -> None:
    """Issue or renew the credential of an award; an award that was carried out before changes nothing.

    A refusal by the rules is stored and published with its reason. It stays until the award is published
    again, with a later `awarded_at`. Raises `HolderUnknown` and
    `CredentialUnknown`, so that the caller retries: the holder or the credential may arrive later.
    """
    if await store.is_decided(tx.conn, award):
        return
    try:
        result = await _issue_or_renew(tx, award, default_zone, now)
    except (HolderUnknown, CredentialUnknown):
        raise
    except Refused as refused:  # raised before anything is written
        result = AwardResult(Outcome.REFUSED, Reason.NOT_ACCEPTED, refused.detail, award.credential_id)
    await _decide(tx, award, result, now)


async def refuse_award(tx: Transaction, award: AwardState, reason: Reason, *, now: datetime) -> None:
    """Store and publish the refusal of an award; an award that was decided before changes nothing."""
    if not await store.is_decided(tx.conn, award):
        await _decide(tx, award, _refused(reason, award.credential_id), now)


async def _decide(tx: Transaction, award: AwardState, result: AwardResult, now: datetime) -> None:
    await store.save_award(tx.conn, award, result, now)
    if result.reason is not None:
        refusal = AwardRefusal(
            award_id=award.id,
            enrolment_id=award.enrolment_id,
            holder_id=award.holder_id,
            credential_type=award.credential_type,
            credential_id=award.credential_id,
            reason=result.reason.value,
            awarded_at=award.awarded_at,
            refused_at=now,
        )
        await tx.publish(AwardRefused(refusal=refusal), now=now)


async def _issue_or_renew(
    tx: Transaction, award: AwardState, default_zone: str, now: datetime
) -> AwardResult:
    # Locks holder and type, so that neither is merged or retired before the commit.
    facts = await credential_store.facts_for_new(
        tx.conn, award.holder_id, award.credential_type, None, None, None
    )
    if facts.holder_id is None:
        raise HolderUnknown(f"There is no holder {award.holder_id}.")
    if award.credential_id is not None:
        code = award.credential_type if facts.rules is None else facts.rules.code
        return await _renew(tx, award, award.credential_id, facts.holder_id, code, now)
    reason = refusal_of_type(facts.rules)
    if reason is not None or facts.rules is None:
        return _refused(reason or Reason.TYPE_UNKNOWN, None)
    command = RecordCredential(
        type=award.credential_type,
        facts=CredentialFacts(facts.holder_id),
        completed_on=completion_day(award, facts.location_zone or default_zone),
        origin=Origin.PROGRAMME,
        award_id=award.id,
    )
    issued = await record_credential(tx, command, default_zone=default_zone, now=now)
    return AwardResult(Outcome.ISSUED, credential_id=issued.id, term_id=issued.last_term.id)


async def _renew(
    tx: Transaction, award: AwardState, credential_id: UUID, holder_id: UUID, type_code: str, now: datetime
) -> AwardResult:
    try:
        loaded = await credential_store.lock_credential(tx.conn, credential_id)
    except NotFound as error:
        raise CredentialUnknown(error.detail) from None
    reason = refusal_of_renewal(loaded.credential, holder_id, type_code)
    if reason is not None:
        return _refused(reason, credential_id)
    zone = loaded.credential.last_term.time_zone
    request = RenewalRequest(
        completed_on=completion_day(award, zone), at_any_time=True, reason=_PROGRAMME, unusual=True
    )
    renewed, _ = await renew_credential(
        tx, credential_id, RenewCredential(request, award_id=award.id), expected_version=None, now=now
    )
    term = next(term for term in renewed.terms if term.award_id == award.id)
    return AwardResult(Outcome.RENEWED, credential_id=credential_id, term_id=term.id)


def _refused(reason: Reason, credential_id: UUID | None) -> AwardResult:
    return AwardResult(Outcome.REFUSED, reason, credential_id=credential_id)
