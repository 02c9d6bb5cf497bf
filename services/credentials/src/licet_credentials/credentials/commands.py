"""What can be done with a credential.

Every command holds the credential, compares the version, settles what time has brought, does its own
work with the model, writes state and history in one statement, and publishes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from licet_chassis.database import Transaction
from licet_credentials.credentials import store
from licet_credentials.credentials.change import Change, announce, require_open, settle
from licet_credentials.credentials.dates import (
    DateOrInstant,
    beginning,
    correct_term,
    decide_expiry,
    ending,
    require_order,
)
from licet_credentials.credentials.flags import end_suspensions, set_flag
from licet_credentials.credentials.model import (
    Credential,
    CredentialFacts,
    Flag,
    Image,
    Term,
    in_order,
    term_of,
)
from licet_credentials.credentials.renewal import RenewalDates, RenewalRequest, renewal_dates
from licet_credentials.credentials.steps import carry_rules, new_credential, with_flags, with_new_term
from licet_credentials.credentials.store import Loaded, Saved
from licet_credentials.errors import Conflict, Invalid, NumberTaken, require_version
from licet_events.catalogue import RenewalEvidence
from licet_events.civil import local_date
from licet_events.credentials import (
    CredentialCorrected,
    CredentialImageAdded,
    CredentialSubmitted,
    CredentialUpdated,
    CredentialVoided,
    Expiry,
    FlagKind,
    ImageReference,
    Origin,
)
from licet_events.ids import uuid7


@dataclass(frozen=True, slots=True)
class RecordCredential:
    """What is said about a new credential and its first term."""

    type: str
    facts: CredentialFacts
    valid_from: date | None = None
    expires_on: date | None = None
    expiry: Expiry | None = None
    time_zone: str | None = None


async def record_credential(
    tx: Transaction, command: RecordCredential, *, default_zone: str, now: datetime
) -> Credential:
    """Enter a credential with its first term; its zone is the one given, else its holder's location's."""
    said = command.facts
    facts = await store.facts_for_new(
        tx.conn, said.holder_id, command.type, said.number, said.country, said.subdivision
    )
    if facts.holder_id is None:
        raise Invalid(f"There is no holder {said.holder_id}.", pointer="/holder_id")
    if facts.rules is None:
        raise Invalid(f"There is no credential type {command.type}.", pointer="/type")
    if facts.rules.retired:
        raise Invalid(f"The credential type {command.type} is retired.", pointer="/type")
    if facts.number_of is not None and said.number is not None:
        raise NumberTaken(said.number, facts.number_of)
    require_order(command.valid_from, command.expires_on)
    term = term_of(
        uuid7(),
        valid_from=command.valid_from,
        expires_on=command.expires_on,
        expiry=decide_expiry(command.expiry, command.expires_on, type_expires=facts.rules.expires),
        time_zone=command.time_zone or facts.location_zone or default_zone,
        recorded_at=now,
    )
    change = new_credential(said, facts.rules, (term,), (), Origin.API, now)
    await store.save(tx.conn, [Saved(change, facts.rules)], actor=tx.cause.actor)
    await tx.publish(*change.events, now=now)
    return change.credential


async def settle_credential(tx: Transaction, credential_id: UUID, *, now: datetime) -> Credential:
    """Announce what time has brought to a credential until `now`; raises `NotFound`."""

    def nothing_else(change: Change, _loaded: Loaded) -> Change:
        return change

    return await _change(tx, credential_id, nothing_else, expected_version=None, now=now)


async def update_credential(
    tx: Transaction,
    credential_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """Change facts other than dates; the same facts again change nothing.

    A ladder of null takes the type's again.
    """
    loaded = await store.lock_credential(tx.conn, credential_id)
    require_version(expected_version, loaded.credential.version)
    if "number" in changes or "country" in changes or "subdivision" in changes:
        wanted = replace(loaded.credential, **{k: v for k, v in changes.items() if k != "ladder"})
        await store.require_number_free(tx.conn, wanted, loaded.rules)

    def update(change: Change, loaded: Loaded) -> Change:
        before = change.credential
        given = dict(changes)
        if "ladder" in given:
            own: tuple[int, ...] | None = given.pop("ladder")
            given |= {"own_ladder": own, "ladder": loaded.rules.ladder if own is None else own}
        after = replace(before, **given)
        changed = tuple(name for name in changes if getattr(after, name) != getattr(before, name))
        if not changed:
            return change
        told = change.tell(
            after, now, lambda state: CredentialUpdated(credential=state, changed=tuple(sorted(changed)))
        )
        return announce(told, now, reason="updated", actor=tx.cause.actor)

    return await _carry_out(tx, loaded, update, now=now)


@dataclass(frozen=True, slots=True)
class RenewCredential:
    """A renewal as it is asked for."""

    request: RenewalRequest
    number: str | None = None
    notes: str | None = None
    image_ids: tuple[UUID, ...] = ()


async def renew_credential(
    tx: Transaction,
    credential_id: UUID,
    command: RenewCredential,
    *,
    expected_version: int | None,
    now: datetime,
) -> tuple[Credential, RenewalDates]:
    """Append a term that follows the last; returns the credential and which rule gave which date."""
    loaded = await store.lock_credential(tx.conn, credential_id)
    require_version(expected_version, loaded.credential.version)
    require_open(loaded.credential)
    before = loaded.credential.last_term
    dates = renewal_dates(before, loaded.rules, command.request, local_date(now, before.time_zone))
    if command.number is not None:
        wanted = replace(loaded.credential, number=command.number)
        await store.require_number_free(tx.conn, wanted, loaded.rules)
    _require_evidence(loaded, command.image_ids)
    term = term_of(
        uuid7(),
        valid_from=dates.valid_from,
        expires_on=dates.expires_on,
        expiry=Expiry.DATED,
        time_zone=before.time_zone,
        recorded_at=now,
        previous_term_id=before.id,
        completed_on=command.request.completed_on,
        image_ids=command.image_ids,
        notes=command.notes,
    )

    def renew(change: Change, _loaded: Loaded) -> Change:
        change = with_new_term(change, term, dates.expires_on_rule, now, number=command.number)
        return announce(change, now, reason="renewed", actor=tx.cause.actor)

    renewed = await _carry_out(tx, loaded, renew, now=now, note=command.request.reason)
    return renewed, dates


def _require_evidence(loaded: Loaded, image_ids: tuple[UUID, ...]) -> None:
    unknown = set(image_ids) - {image.id for image in loaded.credential.images}
    if unknown:
        raise Invalid(f"The credential has no image {min(unknown)}.", pointer="/image_ids")
    if loaded.rules.renewal_evidence is RenewalEvidence.IMAGE and not image_ids:
        raise Invalid(
            f"A renewal of {loaded.rules.code} needs an image as evidence: upload it, then name it here.",
            pointer="/image_ids",
        )


async def correct_credential(
    tx: Transaction,
    credential_id: UUID,
    corrections: Mapping[str, Any],
    reason: str,
    *,
    term_id: UUID | None,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """Put right a term's dates, expiry or zone; what was believed before stays readable.

    Without a `term_id` it is the last term that was wrong.
    """

    def correct(change: Change, _loaded: Loaded) -> Change:
        credential = change.credential
        if credential.voided:
            raise Conflict("The credential is voided: it was entered in error and takes no more changes.")
        term = credential.last_term if term_id is None else _term(credential, term_id)
        corrected, wrong = correct_term(term, corrections, now)
        terms = in_order(corrected if each.id == term.id else each for each in credential.terms)
        told = change.tell(
            replace(credential, terms=terms),
            now,
            lambda state: CredentialCorrected(
                credential=state, term_id=term.id, corrected=wrong, reason=reason
            ),
        )
        return announce(told, now, reason="corrected", actor=tx.cause.actor)

    return await _change(tx, credential_id, correct, expected_version=expected_version, now=now)


def _term(credential: Credential, term_id: UUID) -> Term:
    for term in credential.terms:
        if term.id == term_id:
            return term
    raise Invalid(f"The credential has no term {term_id}.", pointer="/term_id")


async def submit_renewal(
    tx: Transaction,
    credential_id: UUID,
    quiet_until: DateOrInstant,
    note: str | None,
    *,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """Note that a renewal was handed to its issuer: reminders rest for a while, no date changes."""

    def submit(change: Change, _loaded: Loaded) -> Change:
        credential = change.credential
        require_open(credential)
        until = ending(quiet_until, credential.last_term.time_zone)
        if until <= now:
            raise Invalid("quiet_until must be in the future.", pointer="/quiet_until")
        return change.tell(
            replace(credential, quiet_until=until), now, lambda state: CredentialSubmitted(credential=state)
        )

    return await _change(tx, credential_id, submit, expected_version=expected_version, now=now, note=note)


@dataclass(frozen=True, slots=True)
class FlagCredential:
    """A flag as it is asked for; a date means the whole of that day in the zone of the last term."""

    kind: FlagKind
    reason: str
    note: str | None = None
    effective_from: DateOrInstant | None = None
    until: DateOrInstant | None = None


async def flag_credential(
    tx: Transaction,
    credential_id: UUID,
    command: FlagCredential,
    *,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """Suspend, revoke or surrender a credential."""

    def flag(change: Change, _loaded: Loaded) -> Change:
        credential = change.credential
        require_open(credential)
        zone = credential.last_term.time_zone
        wanted = Flag(
            id=uuid7(),
            kind=command.kind,
            effective_from=now if command.effective_from is None else beginning(command.effective_from, zone),
            until=None if command.until is None else ending(command.until, zone),
            reason=command.reason,
            note=command.note,
        )
        return with_flags(change, set_flag(credential, wanted), command.reason, tx.cause.actor, now)

    return await _change(
        tx, credential_id, flag, expected_version=expected_version, now=now, note=command.note
    )


async def reinstate_credential(
    tx: Transaction,
    credential_id: UUID,
    reason: str,
    note: str | None,
    *,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """End a suspension, in force or to come."""

    def reinstate(change: Change, _loaded: Loaded) -> Change:
        require_open(change.credential)
        after = end_suspensions(change.credential, now)
        return with_flags(change, after, reason, tx.cause.actor, now)

    return await _change(tx, credential_id, reinstate, expected_version=expected_version, now=now, note=note)


async def void_credential(
    tx: Transaction,
    credential_id: UUID,
    reason: str,
    note: str | None,
    *,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """Mark a credential as entered in error: it leaves lists and eligibility, and stays in history."""

    def void(change: Change, _loaded: Loaded) -> Change:
        if change.credential.voided:
            raise Conflict("The credential is voided already.")
        return change.tell(
            replace(change.credential, voided=True),
            now,
            lambda state: CredentialVoided(credential=state, reason=reason),
        )

    return await _change(tx, credential_id, void, expected_version=expected_version, now=now, note=note)


async def add_image(
    tx: Transaction, credential_id: UUID, image: Image, *, now: datetime
) -> tuple[Image, bool]:
    """Note a stored scan; returns it and whether it is new. The same file again changes nothing."""
    loaded = await store.lock_credential(tx.conn, credential_id)
    if loaded.credential.voided:
        raise Conflict("The credential is voided: it was entered in error and takes no more changes.")
    for known in loaded.credential.images:
        if known.sha256 == image.sha256:
            return known, False

    def add(change: Change, _loaded: Loaded) -> Change:
        return change.tell(
            replace(change.credential, images=(*change.credential.images, image)),
            now,
            lambda state: CredentialImageAdded(
                credential=state,
                image=ImageReference(id=image.id, kind=image.kind, sha256=image.sha256),
            ),
        )

    await _carry_out(tx, loaded, add, now=now)
    return image, True


async def replan_credentials(tx: Transaction, type_code: str, *, now: datetime, limit: int) -> int:
    """Give a bounded number of credentials their type's present rules; returns how many."""
    ids = await store.ids_behind_type(tx.conn, type_code, limit)
    loaded = await store.lock_credentials(tx.conn, ids)
    saved = [
        Saved(carry_rules(settle(each.credential, now), each.rules, now), each.rules)
        for each in loaded.values()
    ]
    await write(tx, saved, now)
    return len(ids)


async def write(tx: Transaction, saved: Sequence[Saved], now: datetime) -> None:
    """Write changes and publish their events, credential by credential in order."""
    if not saved:
        return
    await store.save(tx.conn, saved, actor=tx.cause.actor)
    await tx.publish(*(event for each in saved for event in each.change.events), now=now)


Step = Callable[[Change, Loaded], Change]


async def _change(
    tx: Transaction,
    credential_id: UUID,
    step: Step,
    *,
    expected_version: int | None,
    now: datetime,
    note: str | None = None,
) -> Credential:
    loaded = await store.lock_credential(tx.conn, credential_id)
    require_version(expected_version, loaded.credential.version)
    return await _carry_out(tx, loaded, step, now=now, note=note)


async def _carry_out(
    tx: Transaction, loaded: Loaded, step: Step, *, now: datetime, note: str | None = None
) -> Credential:
    """Settle, do the step, and write what came of it; nothing where nothing did."""
    change = step(settle(loaded.credential, now), loaded)
    if change.events:
        await write(tx, [Saved(change, loaded.rules, note)], now)
    return change.credential
