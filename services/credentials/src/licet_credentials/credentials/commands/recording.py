"""Recording a credential with its first term, and changing its facts other than dates."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid, require_version
from licet_credentials.credentials import store
from licet_credentials.credentials.change import Change, announce
from licet_credentials.credentials.commands.writing import apply_step, write_credentials
from licet_credentials.credentials.dates import decide_expiry, require_issued, require_order, require_usual
from licet_credentials.credentials.ends import first_expiry
from licet_credentials.credentials.model import Credential, CredentialFacts
from licet_credentials.credentials.steps import new_credential
from licet_credentials.credentials.store import CredentialWithRules, PendingChange
from licet_credentials.credentials.terms import term_of
from licet_credentials.errors import NumberTaken
from licet_credentials.holders.store import read_birth_date
from licet_credentials.inputs import within_country
from licet_credentials.types.attributes import checked_attributes, merged_attributes
from licet_credentials.types.model import CredentialType
from licet_events.civil import local_date
from licet_events.credentials import CredentialUpdated, Expiry, Origin
from licet_events.ids import uuid7


@dataclass(frozen=True, slots=True)
class RecordCredential:
    """A new credential with its first term."""

    type: str
    facts: CredentialFacts
    valid_from: date | None = None
    expires_on: date | None = None
    month_only: bool = False
    """Whether the document prints only the month of `expires_on`."""
    unusual: bool = False
    """Whether an expiry more than three validities ahead is what the document says."""
    expiry: Expiry | None = None
    time_zone: str | None = None
    completed_on: date | None = None
    """When the course or examination was completed: what is left out of start and end follows from it."""
    origin: Origin = Origin.API
    award_id: UUID | None = None
    """The award of a programme that issues it."""
    another: bool = False
    """Whether it is another one than an overlapping one of the holder and type, though none has a number."""


async def record_credential(
    tx: Transaction, command: RecordCredential, *, default_zone: str, now: datetime
) -> Credential:
    """Record a credential with its first term, by default in the zone of the holder's location.

    The id of a merged holder resolves to the survivor. Raises `RecordedTwice` if neither this one nor one of
    the holder and type has a number, and their terms overlap.
    """
    given = command.facts
    facts = await store.facts_for_new(
        tx.conn, given.holder_id, command.type, given.number, given.country, given.subdivision
    )
    if facts.holder_id is None:
        raise Invalid(f"There is no holder {given.holder_id}.", pointer="/holder_id")
    if facts.rules is None:
        raise Invalid(f"There is no credential type {command.type}.", pointer="/type")
    if facts.rules.retired:
        raise Invalid(f"The credential type {command.type} is retired.", pointer="/type")
    if facts.number_of is not None and given.number is not None:
        raise NumberTaken(given.number, facts.number_of)
    attributes = checked_attributes(facts.rules.attributes, given.attributes)
    given = replace(given, holder_id=facts.holder_id, attributes=attributes)
    command = await _with_dates_by_rule(tx, command, facts.rules, facts.holder_id)
    term = term_of(
        uuid7(),
        valid_from=command.valid_from,
        expires_on=command.expires_on,
        month_only=command.month_only,
        ending=facts.rules.ending,
        expiry=decide_expiry(command.expiry, command.expires_on, type_expires=facts.rules.expires),
        time_zone=command.time_zone or facts.location_zone or default_zone,
        recorded_at=now,
        completed_on=command.completed_on,
        award_id=command.award_id,
    )
    require_order(term.valid_from, term.expires_on, term.ending)
    today = local_date(now, term.time_zone)
    require_usual(term.expires_on, facts.rules.longest_validity, today, unusual=command.unusual)
    require_issued(given.issued_on, term.expires_on, today)
    if given.number is None and command.award_id is None and not command.another:
        await store.require_other_term(tx.conn, facts.holder_id, facts.rules.code, term)
    change = new_credential(given, facts.rules, (term,), (), command.origin, now)
    await write_credentials(tx, [PendingChange(change, facts.rules)], now)
    return change.credential


async def _with_dates_by_rule(
    tx: Transaction, command: RecordCredential, rules: CredentialType, holder_id: UUID
) -> RecordCredential:
    """Return the command with the start, and the end by the type's rules, that follow from the completion."""
    completed_on = command.completed_on
    if completed_on is None:
        return command
    command = replace(command, valid_from=command.valid_from or completed_on)
    if command.expires_on is not None or command.expiry is not None:
        return command
    born = await read_birth_date(tx.conn, holder_id) if rules.needs_birth_date else None
    return replace(command, expires_on=first_expiry(rules, completed_on, born), unusual=True)


async def update_credential(
    tx: Transaction,
    credential_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """Change facts other than dates; repeating the same facts changes nothing.

    A null ladder takes the type's again. Attributes are a merge patch (RFC 7396).
    """
    loaded = await store.lock_credential(tx.conn, credential_id)
    require_version(expected_version, loaded.credential.version)
    if "number" in changes or "country" in changes or "subdivision" in changes:
        wanted = replace(loaded.credential, **{k: v for k, v in changes.items() if k != "ladder"})
        await store.require_number_free(tx.conn, wanted, loaded.rules)

    def update(change: Change, loaded: CredentialWithRules) -> Change:
        before = change.credential
        fields = dict(changes)
        if "ladder" in fields:
            own: tuple[int, ...] | None = fields.pop("ladder")
            fields |= {"own_ladder": own, "ladder": loaded.rules.ladder if own is None else own}
        if "attributes" in fields:
            declared = loaded.rules.attributes
            fields["attributes"] = merged_attributes(declared, before.attributes, fields["attributes"])
        after = replace(before, **fields)
        if "issued_on" in fields:
            last = before.last_term
            require_issued(after.issued_on, last.expires_on, local_date(now, last.time_zone))
        if "country" in fields or "subdivision" in fields:
            within_country(after.country, after.subdivision)
        changed = tuple(name for name in changes if getattr(after, name) != getattr(before, name))
        if not changed:
            return change
        updated = change.emit(
            after, now, lambda state: CredentialUpdated(credential=state, changed=tuple(sorted(changed)))
        )
        return announce(updated, now, reason="updated", actor=tx.cause.actor)

    return await apply_step(tx, loaded, update, now=now)
