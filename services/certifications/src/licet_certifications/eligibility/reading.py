"""The facts that timelines rest on, from the database into plain values."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from licet_certifications.eligibility.model import (
    FUTURE,
    Check,
    Credential,
    Flag,
    Holder,
    Place,
    Run,
    Waiver,
)
from licet_certifications.eligibility.rules import NamedType, Rulebook, rulebook_of
from licet_certifications.eligibility.store import QUERIES, Pair
from licet_certifications.facts.model import ending_of
from licet_chassis.connection import Connection
from licet_events.catalogue import AttributeValue, RequirementState
from licet_events.credentials import FlagKind

_CONFIRMED = "confirmed"
_ROWS_IN_ONE_GO = 10


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the timelines of some pairs rest on."""

    holders: Mapping[UUID, Holder]
    rulebooks: Mapping[str, Rulebook]
    """By target."""
    credentials: Mapping[UUID, Sequence[Credential]]
    """By holder; only of types that one of the rulebooks names."""
    places: Mapping[str, Place]
    waivers: Mapping[UUID, Sequence[Waiver]]
    """By holder."""


async def read_holders(conn: Connection, holder_ids: Sequence[UUID]) -> dict[UUID, Holder]:
    """Return those of the holders that are known."""
    return {
        row["id"]: Holder(
            id=row["id"],
            version=row["version"],
            active=row["active"],
            targets=frozenset(row["targets"]),
            location=row["location"],
            team=row["team"],
        )
        for row in await conn.fetch(QUERIES["read_holders"], holder_ids)
    }


async def read_facts(
    conn: Connection,
    pairs: Iterable[Pair],
    *,
    supposed: Sequence[RequirementState] = (),
    locations: Iterable[str] = (),
) -> Facts:
    """Return all facts that the timelines of the pairs rest on, in six queries however many there are.

    `supposed` are versions of requirements that count as if there were such; of `locations` it is read too
    where they lie.
    """
    pairs = list(pairs)
    holder_ids = sorted({pair.holder_id for pair in pairs})
    holders = await read_holders(conn, holder_ids)
    rulebooks = await read_rulebooks(conn, {pair.target for pair in pairs}, supposed=supposed)
    types = sorted(frozenset().union(*(book.types for book in rulebooks.values())))
    credentials: dict[UUID, list[Credential]] = {}
    for number, row in enumerate(await conn.fetch(QUERIES["read_credentials"], holder_ids, types)):
        if number % _ROWS_IN_ONE_GO == 0:
            await asyncio.sleep(0)  # requests are answered meanwhile
        credentials.setdefault(row["holder_id"], []).append(_credential_of(row))
    codes = frozenset(locations).union(*(book.locations for book in rulebooks.values()))
    codes |= {holder.location for holder in holders.values() if holder.location is not None}
    places = {
        row["code"]: Place(row["code"], row["version"], row["country"], row["subdivision"])
        for row in await conn.fetch(QUERIES["read_locations"], sorted(codes))
    }
    waivers: dict[UUID, list[Waiver]] = {}
    for row in await conn.fetch(QUERIES["read_waivers"], holder_ids, sorted(rulebooks)):
        waivers.setdefault(row["holder_id"], []).append(_waiver_of(row, rulebooks[row["target"]]))
    return Facts(holders, rulebooks, credentials, places, waivers)


async def read_rulebooks(
    conn: Connection, targets: Iterable[str], *, supposed: Sequence[RequirementState] = ()
) -> dict[str, Rulebook]:
    """Return what is asked of those who have the targets, by target; `supposed` versions are added."""
    requirements: dict[str, list[RequirementState]] = {target: [] for target in targets}
    for row in await conn.fetch(QUERIES["read_requirement_versions"], sorted(requirements)):
        requirements[row["target"]].append(RequirementState.model_validate_json(row["state"]))
    for state in supposed:
        if state.target in requirements:
            requirements[state.target].append(state)
    names = {name for states in requirements.values() for one in states for name in one.expression.types}
    types = {
        row["name"]: NamedType(row["code"], row["version"])
        for row in await conn.fetch(QUERIES["read_types"], sorted(names))
    }
    return {
        target: rulebook_of(
            target,
            states,
            {name: types[name] for one in states for name in one.expression.types if name in types},
        )
        for target, states in requirements.items()
    }


def _waiver_of(row: "asyncpg.Record", book: Rulebook) -> Waiver:
    name = row["type"]
    return Waiver(
        id=row["id"],
        version=row["version"],
        target=row["target"],
        requirement_id=row["requirement_id"],
        # By whatever name it was asked for, it stands for the type that the requirement means by it.
        type=None if name is None else book.codes.get(name, name),
        locations=frozenset(row["locations"]),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
    )


def _credential_of(row: "asyncpg.Record") -> Credential:
    facts = json.loads(row["facts"])
    return Credential(
        id=row["id"],
        version=row["version"],
        holder_id=row["holder_id"],
        type=row["type"],
        runs=tuple(map(_run_of, facts["runs"])),
        flags=tuple(map(_flag_of, facts["flags"])),
        grace_days=facts["grace_days"],
        country=facts["country"],
        subdivision=facts["subdivision"],
        voided=facts["voided"],
        # The build before conditions did not keep these; until a backfill nobody knows them.
        issuer=facts.get("issuer"),
        attributes=_attributes_of(facts.get("attributes")),
        check=_check_of(facts.get("verification")),
    )


def _run_of(told: Mapping[str, Any]) -> Run:
    expires_on = told["expires_on"]
    return Run(
        datetime.fromisoformat(told["starts_at"]),
        _instant_of(told["expires_at"]),
        None if expires_on is None else date.fromisoformat(expires_on),
        told["time_zone"],
        ending_of(told),
    )


def _flag_of(told: Mapping[str, Any]) -> Flag:
    kind = FlagKind(told["kind"])
    start, until = datetime.fromisoformat(told["effective_from"]), _instant_of(told["until"])
    # A final flag has no end; one that ends when it begins was undone.
    open_ended = until is None or (kind.final and until != start)
    return Flag(kind, start, FUTURE if open_ended or until is None else until)


def _check_of(told: Mapping[str, Any] | None) -> Check | None:
    if told is None:
        return None
    return Check(
        datetime.fromisoformat(told["checked_at"]),
        told["result"] == _CONFIRMED,
        _instant_of(told["valid_until"]),
    )


def _attributes_of(told: Mapping[str, Any] | None) -> Mapping[str, AttributeValue] | None:
    if told is None:
        return None
    return {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}


def _instant_of(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
