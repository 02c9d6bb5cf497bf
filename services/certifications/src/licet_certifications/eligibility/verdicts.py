"""Verdicts on shifts together with the decisions that they come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from licet_certifications.eligibility import commands
from licet_certifications.eligibility.contract import reason_of
from licet_certifications.eligibility.store import Shift
from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_events.eligibility import FactVersion, Reason, Verdict
from licet_events.event import Model

if TYPE_CHECKING:
    import asyncpg

QUERIES = load_queries(__package__, "verdicts.sql")


class _Interval(Model):
    verdict: Verdict
    reasons: tuple[Reason, ...]


_INTERVAL = TypeAdapter(_Interval)
_FACTS = TypeAdapter(tuple[FactVersion, ...])
_GRAVITY = {verdict: gravity for gravity, verdict in enumerate(Verdict)}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The worst verdict within a shift, why, and the decision that says so."""

    verdict: Verdict
    reasons: tuple[Reason, ...]
    location: str | None = None
    """That of the decision: the shift's, or `*`. `None`, as all that follows, where there is no decision."""
    version: int | None = None
    computed_at: datetime | None = None
    facts: tuple[FactVersion, ...] = ()
    """The versions of facts that the decision rests on; only where it was asked for."""


async def judge(conn: Connection, shifts: Sequence[Shift]) -> list[Judgement]:
    """Return what the timelines in force say of each shift, in their order, from one snapshot."""
    if not shifts:
        return []
    rows = await conn.fetch(QUERIES["read_verdicts"], *map(list, zip(*shifts, strict=True)))
    found = [_judgement_of(row) for row in rows]
    missing = [shift for shift, one in zip(shifts, found, strict=True) if one is None]
    computed = iter(await _without_decision(conn, missing))
    return [next(computed) if one is None else one for one in found]


async def judge_as_known(conn: Connection, shift: Shift, known_at: datetime) -> Judgement | None:
    """Return what was known of a shift at an instant; `None` where there was no decision then."""
    row = await conn.fetchrow(QUERIES["read_known_verdict"], *shift, known_at)
    if row is None:
        return None
    verdict, reasons = worst([_INTERVAL.validate_json(text) for text in row["intervals"]])
    facts = _FACTS.validate_json(row["facts"])
    return Judgement(verdict, reasons, row["location"], row["version"], row["computed_at"], facts)


async def _without_decision(conn: Connection, shifts: Sequence[Shift]) -> list[Judgement]:
    if not shifts:
        return []
    return [
        Judgement(one.verdict, tuple(map(reason_of, one.reasons)))
        for one in await commands.check(conn, shifts)
    ]


def _judgement_of(row: "asyncpg.Record") -> Judgement | None:
    if row["intervals"] is None:
        return None
    verdict, reasons = worst([_INTERVAL.validate_json(text) for text in row["intervals"]])
    return Judgement(verdict, reasons, row["location"], row["version"], row["computed_at"])


def worst(intervals: Sequence[_Interval]) -> tuple[Verdict, tuple[Reason, ...]]:
    """Return the worst verdict, with the reasons of every interval that has it, each once."""
    verdict = max((one.verdict for one in intervals), key=_GRAVITY.__getitem__)
    reasons = dict.fromkeys(reason for one in intervals if one.verdict is verdict for reason in one.reasons)
    return verdict, tuple(reasons)


def is_worse(verdict: Verdict, than: Verdict) -> bool:
    """Whether a verdict is worse than another."""
    return _GRAVITY[verdict] > _GRAVITY[than]
