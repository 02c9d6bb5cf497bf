"""SQL of credentials."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from licet_chassis.connection import Connection
from licet_chassis.database import LostRace
from licet_chassis.errors import NotFound
from licet_chassis.failpoints import Failpoint
from licet_chassis.queries import load_queries
from licet_credentials.credentials.change import Change
from licet_credentials.credentials.model import Credential, VerificationResult
from licet_credentials.credentials.rows import credential_of, rules_of, run_rows
from licet_credentials.credentials.terms import Term
from licet_credentials.credentials.validity import next_change_at
from licet_credentials.errors import NumberTaken, RecordedTwice
from licet_credentials.rows import jsonb
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import NumberComparison, NumberUnique
from licet_events.credentials import CredentialEvent
from licet_events.sameness import loose_number

QUERIES = load_queries(__package__ or "")
_SAVED = Failpoint("credentials.saved")


@dataclass(frozen=True, slots=True)
class CredentialWithRules:
    """A credential with the present rules of its type."""

    credential: Credential
    rules: CredentialType


async def lock_credential(conn: Connection, credential_id: UUID) -> CredentialWithRules:
    """Lock a credential, then read it; raises `NotFound`."""
    found = await lock_credentials(conn, [credential_id])
    if not found:
        raise _unknown(credential_id)
    return found[credential_id]


async def lock_credentials(conn: Connection, ids: Sequence[UUID]) -> dict[UUID, CredentialWithRules]:
    """Lock credentials, then read them; unknown ids are left out."""
    if not ids or not await conn.fetch(QUERIES["lock_credentials"], ids):
        return {}
    return await read_credentials(conn, ids)


async def read_credential(conn: Connection, credential_id: UUID) -> Credential:
    """Return a credential; raises `NotFound`."""
    found = await read_credentials(conn, [credential_id])
    if not found:
        raise _unknown(credential_id)
    return found[credential_id].credential


async def read_credentials(conn: Connection, ids: Sequence[UUID]) -> dict[UUID, CredentialWithRules]:
    """Return credentials in the order of `ids`; unknown ids are left out."""
    rows = {row["id"]: row for row in await conn.fetch(QUERIES["read_credentials"], ids)}
    loaded: dict[UUID, CredentialWithRules] = {}
    for credential_id in ids:
        if credential_id in rows:
            row = rows[credential_id]
            rules = rules_of(row["type_entry"])
            loaded[credential_id] = CredentialWithRules(credential_of(row, rules.category), rules)
    return loaded


async def require_credential(conn: Connection, credential_id: UUID) -> None:
    """Raise `NotFound` if there is no such credential."""
    if not await conn.fetchval(QUERIES["credential_exists"], credential_id):
        raise _unknown(credential_id)


def _unknown(credential_id: UUID) -> NotFound:
    return NotFound(f"There is no credential {credential_id}.")


@dataclass(frozen=True, slots=True)
class FactsForNew:
    """Facts needed to record a credential; `None` for what does not exist."""

    holder_id: UUID | None
    location_zone: str | None
    rules: CredentialType | None
    number_of: UUID | None
    """Another credential that has the number within its scope."""


async def facts_for_new(
    conn: Connection,
    holder_id: UUID,
    type_code: str,
    number: str | None,
    country: str | None,
    subdivision: str | None,
) -> FactsForNew:
    """Return what recording a credential needs, in one round trip; locks holder and type."""
    row = await conn.fetchrow(QUERIES["facts_for_new"], holder_id, type_code, number, country, subdivision)
    assert row is not None  # noqa: S101  # its outer joins give one row always
    rules = None if row["type_entry"] is None else rules_of(row["type_entry"])
    return FactsForNew(row["holder_id"], row["location_zone"], rules, row["number_of"])


async def require_number_free(conn: Connection, credential: Credential, rules: CredentialType) -> None:
    """Raise `NumberTaken` if another credential has the number within its scope."""
    scope = number_scope(credential, rules)
    if scope is None or credential.number is None:
        return
    other = await conn.fetchval(
        QUERIES["number_of"], credential.type, scope, credential.number, credential.id
    )
    if other is not None:
        raise NumberTaken(credential.number, other)


async def require_other_term(conn: Connection, holder_id: UUID, type_code: str, term: Term) -> None:
    """Raise `RecordedTwice` if a term of one without a number overlaps; keeps others from adding one."""
    await conn.execute(QUERIES["hold_unnumbered"], holder_id, type_code)
    other = await conn.fetchval(
        QUERIES["unnumbered_of"], holder_id, type_code, term.starts_at, term.expires_at
    )
    if other is not None:
        raise RecordedTwice(type_code, other)


def number_scope(credential: Credential, rules: CredentialType) -> str | None:
    """Return the scope within which the number must be unique; part of the key of the unique index.

    It begins with `=` where numbers are compared exactly.
    """
    exact = "=" if rules.number_comparison is NumberComparison.EXACT else ""
    if rules.number_unique is NumberUnique.HOLDER:
        return f"{exact}holder:{credential.holder_id}"
    if rules.number_unique is NumberUnique.JURISDICTION:
        return f"{exact}jurisdiction:{credential.subdivision or credential.country or ''}"
    return None


def number_key(rules: CredentialType, number: str) -> str:
    """Return the form in which a number is compared under a type: the SQL function `number_key`."""
    return number if rules.number_comparison is NumberComparison.EXACT else loose_number(number)


class NumberTakenMeanwhile(NumberTaken, LostRace):
    """Another credential got the number at the same moment; a retry finds out which."""


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change to write, with the rules of its type and a note for the history."""

    change: Change
    rules: CredentialType
    note: str | None = None


async def save(conn: Connection, saved: Sequence[PendingChange], *, actor: str) -> None:
    """Write credentials and one line of history for each event.

    Raises `NumberTakenMeanwhile` if another credential got the number at the same moment.
    """
    credentials, terms, runs, flags, images, checks, history = [], [], [], [], [], [], []
    for item in saved:
        credential = item.change.credential
        run_list = run_rows(credential)
        credentials.append(credential_row(credential, item.rules, len(run_list)))
        terms += [
            part_row(term, credential) | {"known_from": credential.updated_at} for term in credential.terms
        ]
        flags += [
            part_row(flag, credential) | {"known_from": credential.updated_at} for flag in credential.flags
        ]
        images += [part_row(image, credential) for image in credential.images]
        checks += [part_row(check, credential) for check in item.change.checks]
        runs += run_list
        history += [history_row(event, actor, item.note) for event in item.change.events]
    parts = (credentials, terms, runs, flags, images, checks, history)
    try:
        await conn.execute(QUERIES["save_credentials"], *(jsonb(part) for part in parts))
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != "credentials_number_unique":
            raise
        raise NumberTakenMeanwhile(_number_in(error, saved), None) from error
    withdrawn = [
        (term, each.change.credential.updated_at) for each in saved for term in each.change.withdrawn
    ]
    if withdrawn:
        await conn.execute(
            QUERIES["withdraw_terms"], *(list(column) for column in zip(*withdrawn, strict=True))
        )
    _SAVED()


def _number_in(error: asyncpg.UniqueViolationError, saved: Sequence[PendingChange]) -> str:
    # The error detail has the conflicting values; find the credential whose number is among them.
    numbers = [(number, each.rules) for each in saved if (number := each.change.credential.number)]
    keys = [number for number, rules in numbers if f", {number_key(rules, number)})" in (error.detail or "")]
    return keys[0] if keys else numbers[0][0]


_PARTS = {"category", "terms", "flags", "images", "verification"}
_ROW = tuple(name for name in Credential.__slots__ if name not in _PARTS)


def credential_row(credential: Credential, rules: CredentialType, run_count: int) -> dict[str, Any]:
    """Return the row of a credential, with the fields for `runs` and `register`."""
    row = {name: getattr(credential, name) for name in _ROW}
    return row | {
        "number_scope": number_scope(credential, rules),
        "run_count": run_count,
        "next_change_at": next_change_at(credential) or "infinity",
        "verified_until": _verified_until(credential),
    }


def _verified_until(credential: Credential) -> datetime | str:
    check = credential.verification
    if check is None or check.result is not VerificationResult.CONFIRMED:
        return "-infinity"
    return check.valid_until or "infinity"


def part_row(part: Any, credential: Credential) -> dict[str, Any]:
    """Return the row of a term, flag, image or check."""
    return {name: getattr(part, name) for name in part.__slots__} | {"credential_id": credential.id}


def history_row(event: CredentialEvent, actor: str, note: str | None) -> dict[str, Any]:
    """Return the line of history for an event."""
    details = event.model_dump(mode="json", by_alias=True, exclude={"credential"})
    return {
        "credential_id": event.credential.id,
        "holder_id": event.credential.holder_id,
        "type": event.credential.type,
        "version": event.credential.version,
        "event_type": event.event_type,
        "details": details,
        "reason": details.pop("reason", None),
        "note": note,
        "actor": details.pop("actor", actor),
        "at": event.credential.updated_at,
    }


async def move_terms(conn: Connection, terms: Sequence[Term]) -> None:
    """Write the instants of terms whose dates and revisions stay, where they or their rule are different."""
    if not terms:
        return
    await conn.execute(
        QUERIES["move_terms"],
        [term.id for term in terms],
        [term.revision for term in terms],
        [term.starts_at for term in terms],
        [term.expires_at for term in terms],
        [term.expires_at_rule for term in terms],
        [term.expires_at_time for term in terms],
    )


async def lock_outdated(
    conn: Connection, type_code: str, version: int, limit: int
) -> dict[UUID, CredentialWithRules]:
    """Lock credentials with rules older than `version`; skips those that are locked."""
    rows = await conn.fetch(QUERIES["lock_outdated"], type_code, version, limit)
    return await read_credentials(conn, [row["id"] for row in rows])


async def lock_credentials_after(conn: Connection, after: UUID | None, limit: int) -> list[Credential]:
    """Lock and read credentials in the order of their ids, after `after`."""
    ids = [row["id"] for row in await conn.fetch(QUERIES["lock_credentials_after"], after, limit)]
    return [loaded.credential for loaded in (await read_credentials(conn, ids)).values()]
