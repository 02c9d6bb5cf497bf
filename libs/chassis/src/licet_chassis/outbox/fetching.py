"""Reads the next rows of the outbox, bounded in number and in bytes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

import asyncpg

from licet_chassis.failpoints import Failpoint
from licet_chassis.queries import load_queries

if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]

_QUERIES = load_queries("licet_chassis.outbox")
_BYTES_PER_READ = 8 << 20
_LARGE_VALUE = 32 << 10  # a thousand rows just below it are what a read may take at once
_ROW_ID = itemgetter("id")
_READ = Failpoint("relay.read")


@dataclass(frozen=True, slots=True)
class Fetched:
    """The rows of one read, in the order of ids."""

    rows: list[asyncpg.Record]
    large: dict[int, bytes]
    """Values that were too large to come with their rows, by row id."""
    xmin: int
    drawn: int
    cut: bool
    """Whether there may be more."""
    left_out: bool
    """Whether rows of topics on hold were skipped."""


async def fetch(
    conn: "_Connection",
    start: int,
    shards: Sequence[int],
    *,
    without_topics: Collection[str],
    without_rows: Collection[int],
    batch_size: int,
) -> Fetched:
    """Read up to `batch_size` rows of these shards with an id above `start`.

    A value that is too large to come with its row is read in a statement of its own.
    """
    rows = await conn.fetch(
        _QUERIES["next_rows"],
        start,
        shards,
        list(without_topics),
        [row for row in without_rows if row > start],
        batch_size,
        _LARGE_VALUE,
    )
    xmin, drawn = rows[0]["xmin"], rows[0]["last_drawn"]
    if rows[0]["id"] is None:
        rows = []
    else:
        _READ()
    rows.sort(key=_ROW_ID)
    cut = len(rows) == batch_size
    large: dict[int, bytes] = {}
    size = 0
    for index, row in enumerate(rows):
        value_size = row["size"]
        if value_size is None:
            continue
        if size >= _BYTES_PER_READ:
            del rows[index:]
            cut = True
            break
        if value_size > _LARGE_VALUE:
            large[row["id"]] = await conn.fetchval(_QUERIES["one_value"], row["id"])
        size += value_size
    return Fetched(rows, large, xmin, drawn, cut, bool(without_topics))
