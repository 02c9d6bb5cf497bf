"""Rules and stops, in the database."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_notifier.restraint.calendar import Calendar
from licet_notifier.restraint.holidays import is_holiday
from licet_notifier.restraint.model import DigestRule, Every, Held, QuietHours, Rules, Scope, Stop, Weekday

QUERIES = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class Restraint:
    """The rules and the stops in force."""

    calendar: Calendar
    stops: tuple[Stop, ...]


@dataclass(frozen=True, slots=True)
class KeptRules:
    """The rules, with who set them last."""

    rules: Rules
    version: int
    note: str | None
    set_by: str | None
    updated_at: datetime | None


async def lock_restraint(conn: Connection) -> Restraint:
    """Read rules and stops, and keep changes of them out until the transaction ends."""
    await conn.execute(QUERIES["share_restraint"])
    # Read after the lock: what began a stop has committed before.
    return Restraint(await read_calendar(conn), await read_stops(conn))


async def read_calendar(conn: Connection) -> Calendar:
    """Return the rules as they are; beginning a mail looks at them again."""
    return Calendar((await read_rules(conn)).rules, is_holiday)


async def read_rules(conn: Connection) -> KeptRules:
    """Return the rules with who set them."""
    row = await conn.fetchrow(QUERIES["read_rules"])
    if row is None:
        return KeptRules(Rules(), 1, None, None, None)
    return KeptRules(_rules(row["rules"]), row["version"], row["note"], row["set_by"], row["updated_at"])


async def lock_for_change(conn: Connection) -> None:
    """Keep mails from beginning, and rules and stops from changing by others, until the transaction ends."""
    await conn.execute(QUERIES["change_restraint"])


async def save_rules(conn: Connection, kept: KeptRules) -> None:
    """Set the rules."""
    await conn.execute(
        QUERIES["save_rules"],
        json.dumps(_to_json(kept.rules)),
        kept.version,
        kept.note,
        kept.set_by,
        kept.updated_at,
    )


async def read_stops(conn: Connection) -> tuple[Stop, ...]:
    """Return the stops in force, the oldest first."""
    return tuple(
        Stop(
            row["id"],
            Scope(row["event"], row["type"], row["team"]),
            row["reason"],
            row["stopped_by"],
            row["since"],
        )
        for row in await conn.fetch(QUERIES["read_stops"])
    )


async def insert_stop(conn: Connection, stop: Stop) -> None:
    """Begin a stop."""
    scope = stop.scope
    await conn.execute(
        QUERIES["insert_stop"], stop.id, scope.event, scope.type, scope.team, stop.reason, stop.by, stop.since
    )


async def end_stops(conn: Connection, ids: Sequence[UUID], held: Held, by: str, now: datetime) -> int:
    """End stops; what they held is looked at again, or silenced. Returns how many mails that are."""
    await conn.execute(QUERIES["end_stops"], ids, now, by, held)
    count = 0
    for query in ("release_notifications", "release_shift_digests"):
        count += await conn.fetchval(QUERIES[query], ids, now, held is Held.DROP)
    return count


async def count_held(conn: Connection, ids: Collection[UUID]) -> Mapping[UUID, int]:
    """Return how many mails each of these stops holds."""
    return {row["stop_id"]: row["held"] for row in await conn.fetch(QUERIES["count_held"], list(ids))}


async def count_waiting(conn: Connection, scope: Scope) -> int:
    """Return how many mails within a scope wait for their time."""
    count: int = await conn.fetchval(QUERIES["count_waiting"], scope.event, scope.type, scope.team)
    return count


def _to_json(rules: Rules) -> dict[str, Any]:
    quiet = rules.quiet_hours
    return {
        "quiet_hours": None if quiet is None else [quiet.begins.isoformat(), quiet.ends.isoformat()],
        "rest_days": sorted(rules.rest_days),
        "holidays": rules.holidays,
        "digests": [
            {
                "every": rule.every,
                "at": rule.at.isoformat(),
                "weekday": rule.weekday,
                "readers": sorted(rule.readers),
            }
            for rule in rules.digests
        ],
        "urgent_within": rules.urgent_within,
        "daily_cap": rules.daily_cap,
    }


def _rules(text: str) -> Rules:
    kept, defaults = json.loads(text), Rules()
    quiet = defaults.quiet_hours
    if "quiet_hours" in kept:
        hours = kept["quiet_hours"]
        quiet = None if hours is None else QuietHours(*(time.fromisoformat(each) for each in hours))
    return Rules(
        quiet_hours=quiet,
        rest_days=frozenset(Weekday(day) for day in kept.get("rest_days", ())),
        holidays=kept.get("holidays", False),
        digests=tuple(
            DigestRule(
                Every(rule["every"]),
                time.fromisoformat(rule["at"]),
                Weekday(rule["weekday"]),
                frozenset(rule["readers"]),
            )
            for rule in kept.get("digests", ())
        ),
        urgent_within=kept.get("urgent_within", defaults.urgent_within),
        daily_cap=kept.get("daily_cap"),
    )
