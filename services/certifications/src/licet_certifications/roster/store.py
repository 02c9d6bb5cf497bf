"""Rosters in the database."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries, load_templates
from licet_events.eligibility import ANYWHERE

QUERIES = load_queries(__package__)
TEMPLATES = load_templates(__package__)


@dataclass(frozen=True, slots=True)
class Among:
    """Whose holders are wanted; `None` is all."""

    team: str | None = None
    teams: Collection[str] | None = None
    """Those that the token sees."""
    locations: Collection[str] | None = None

    def given(self) -> Mapping[str, Any]:
        """Return the parameters of a template."""
        return {
            "team": self.team,
            "teams": None if self.teams is None else sorted(self.teams),
            "locations": None if self.locations is None else sorted(self.locations),
        }

    @property
    def everyone(self) -> bool:
        """Whether nobody is left out."""
        return self.team is None and self.teams is None and self.locations is None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may do the work for the whole of the interval."""

    holder_id: UUID
    team: str | None
    location: str | None
    eligible_until: datetime | None
    """The end of the stretch in which the holder may do it, `None` for an open one."""

    @property
    def place(self) -> tuple[datetime | None, UUID]:
        """Where it stands in the order."""
        return self.eligible_until, self.holder_id


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who has one of the targets."""

    holder_id: UUID
    team: str | None
    location: str | None


async def list_candidates(
    conn: Connection,
    *,
    target: str,
    location: str,
    start: datetime,
    end: datetime,
    among: Among,
    after: tuple[datetime | None, UUID] | None,
    limit: int,
) -> list[Candidate]:
    """Return who may do the work for the whole of [start, end), those who stay eligible longest first.

    Reads about `limit` index entries for each location at which holders of the target have timelines of their
    own, however many holders there are; among some teams it looks at each of their holders.
    """
    after_end, after_id = after or (None, None)
    if not among.everyone:
        rows = await TEMPLATES["candidates_among"].fetch(
            conn,
            {
                **among.given(), "target": target, "place": location, "start": start, "finish": end,
                "after_end": after_end, "after": after_id, "limit": limit,
                "after_open": True if after is not None and after_end is None else None,
            },
        )  # fmt: skip
    elif location == ANYWHERE:
        rows = await conn.fetch(
            QUERIES["candidates_anywhere"], target, start, end, after_end, after_id, limit
        )
    else:
        rows = await conn.fetch(
            QUERIES["candidates_at"], target, start, end, after_end, after_id, limit, location
        )
    return [Candidate(row["holder_id"], row["team"], row["location"], row["ends_at"]) for row in rows]


async def page_holders(
    conn: Connection, *, targets: Sequence[str], among: Among, after: UUID | None, limit: int
) -> list[Member]:
    """Return active holders who have one of the targets, in the order of their ids."""
    given = {**among.given(), "targets": list(targets), "after": after, "limit": limit}
    rows = await TEMPLATES["page_holders"].fetch(conn, given)
    return [Member(row["id"], row["team"], row["location"]) for row in rows]


async def read_required_targets(conn: Connection, limit: int) -> list[str]:
    """Return the targets that requirements name, up to a limit."""
    return [row["target"] for row in await conn.fetch(QUERIES["read_required_targets"], limit)]
