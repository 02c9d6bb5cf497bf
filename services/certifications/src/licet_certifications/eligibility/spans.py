"""What follows from a changed timeline, in its transaction: the stretches for rosters, and who follows.

A roster asks who may do a target's work at a location for the whole of an interval, longest first. The
answer is an index scan over these stretches; nothing is computed on read.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from licet_certifications.eligibility.model import Stretch
from licet_certifications.eligibility.store import Pair
from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_events.eligibility import ANYWHERE, Verdict

QUERIES = load_queries(__package__, "spans.sql")


async def follow_timelines(
    conn: Connection,
    changed: Mapping[Pair, Mapping[str, Sequence[Stretch]]],
    causes: Mapping[Pair, Cause],
) -> None:
    """Write the stretches of pairs whose timelines have changed, and queue their shifts for review.

    `changed` has all timelines of each pair, by location, as they are in force from now on; none where the
    pair has ended. Call it under the lock of the pairs' timelines.
    """
    rows = json.dumps([row for pair, timelines in changed.items() for row in _rows(pair, timelines)])
    pairs = list(changed)
    await conn.execute(
        QUERIES["drop_spans"], [pair.holder_id for pair in pairs], [pair.target for pair in pairs], rows
    )
    await conn.execute(QUERIES["save_spans"], rows)
    await queue_reviews(conn, {pair: causes[pair] for pair in pairs})


async def queue_reviews(conn: Connection, causes: Mapping[Pair, Cause]) -> None:
    """Have the booked shifts of some pairs judged again once this has been committed.

    Call it before any shift is locked: it may wait for a review that waits for shifts.
    """
    rows = [
        {
            "holder_id": str(pair.holder_id),
            "target": pair.target,
            "correlation_id": cause.correlation_id,
            "causation_id": cause.causation_id,
            "traceparent": cause.traceparent,
        }
        for pair, cause in causes.items()
    ]
    await conn.execute(QUERIES["queue_reviews"], json.dumps(rows))


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Delete the stretches of a holder and what is queued of it."""
    await conn.execute(QUERIES["forget_holder"], holder_id)


def _rows(pair: Pair, timelines: Mapping[str, Sequence[Stretch]]) -> Iterable[dict[str, Any]]:
    elsewhere = sorted(timelines.keys() - {ANYWHERE})
    for location, stretches in timelines.items():
        for start, end in spans_of(stretches):
            yield {
                "holder_id": str(pair.holder_id),
                "target": pair.target,
                "location": location,
                "starts_at": start,
                "ends_at": end,
                "elsewhere": elsewhere if location == ANYWHERE else [],
            }


def spans_of(stretches: Iterable[Stretch]) -> list[tuple[str, str]]:
    """Return the longest stretches without `ineligible`, as PostgreSQL writes instants, open ends too."""
    spans: list[tuple[str, str]] = []
    adjoins = False
    for one in stretches:
        if one.assessment.verdict is Verdict.INELIGIBLE:
            adjoins = False
            continue
        end = "infinity" if one.end is None else one.end.isoformat()
        if adjoins:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append(("-infinity" if one.start is None else one.start.isoformat(), end))
        adjoins = True
    return spans
