"""Gaps in the database: stored timelines, read in chunks of holders so that no statement runs long."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from licet_certifications.gaps.model import Dimension, Gap, GapState, Group
from licet_certifications.visibility import Visibility
from licet_chassis.connection import Connection
from licet_chassis.queries import load_templates

TEMPLATES = load_templates(__package__ or "")

CHUNK = 5_000
"""Holders whose timelines one statement reads."""
_COLUMNS = {Dimension.ROLE: "target"}


@dataclass(frozen=True, slots=True)
class GapQuery:
    """Whose gaps are asked for, and within which window."""

    start: datetime
    within_days: int
    visibility: Visibility
    team: str | None = None
    location: str | None = None
    target: str | None = None

    def _of_holders(self) -> dict[str, Any]:
        return {"team": self.team, "location": self.location, **self.visibility.parameters()}

    def _of_window(self) -> dict[str, Any]:
        # The window is half-open, and the microsecond is the smallest step of an instant.
        until = self.start + timedelta(days=self.within_days) - timedelta(microseconds=1)
        return {"start": self.start, "until": until, "target": self.target, **self._of_holders()}


async def read_gaps(
    conn: Connection, query: GapQuery, *, after: UUID | None = None, chunk: int = CHUNK
) -> AsyncGenerator[list[Gap], None]:
    """Yield the gaps of each chunk of holders with ids above `after`, in order of holder and target."""
    while True:
        ends = await TEMPLATES["last_of_chunk"].fetch(
            conn, {**query._of_holders(), "after": after, "skipped": chunk - 1}
        )
        last = ends[0]["id"] if ends else None
        given = {**query._of_window(), "after": after, "last": last, "chunk": chunk}
        yield [_gap(row) for row in await TEMPLATES["find_gaps"].fetch(conn, given)]
        if last is None:
            return
        after = last


async def read_gaps_of(conn: Connection, query: GapQuery, holder_id: UUID) -> list[Gap]:
    """Return the gaps of one holder."""
    given = {**query._of_window(), "holder": holder_id, "chunk": 1}
    return [_gap(row) for row in await TEMPLATES["find_gaps"].fetch(conn, given)]


async def count_holders(conn: Connection, query: GapQuery, by: Sequence[Dimension]) -> Mapping[Group, int]:
    """Return how many active holders each group has."""
    given = {**query._of_holders(), "target": query.target, **{f"by_{dimension}": True for dimension in by}}
    rows = await TEMPLATES["count_holders"].fetch(conn, given)
    return {
        tuple(row[_COLUMNS.get(dimension, dimension)] for dimension in by): row["holders"] for row in rows
    }


def _gap(row: "asyncpg.Record") -> Gap:
    if row["bad"] is None:
        state = GapState.WAIVED
    else:
        state = GapState.WITHOUT if row["bad"] == 1 else GapState.LOSING
    return Gap(
        holder_id=row["holder_id"],
        team=row["team"],
        location=row["location"],
        target=row["target"],
        state=state,
        at=row["at"],
        types=tuple(row["types"]),
        programmes=tuple(row["programmes"]),
        renewing=row["renewing"],
    )
