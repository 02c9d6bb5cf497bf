"""SQL of awards."""

from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

import asyncpg

from licet_chassis.connection import Connection
from licet_chassis.failpoints import Failpoint
from licet_chassis.queries import load_queries, load_templates
from licet_credentials.awards.model import Award, AwardResult, Outcome, Reason
from licet_credentials.visibility.model import Sees
from licet_events.enrolments import AwardState

QUERIES = load_queries(__package__ or "")
TEMPLATES = load_templates(__package__ or "")
_DECIDED = Failpoint("credentials.award_decided")


async def is_decided(conn: Connection, award: AwardState) -> bool:
    """Return whether an award was carried out before, or refused since it was last published."""
    decided: bool = await conn.fetchval(QUERIES["is_decided"], award.id, award.awarded_at)
    return decided


async def save_award(conn: Connection, award: AwardState, result: AwardResult, now: datetime) -> None:
    """Store the result of an award; it takes the place of an earlier refusal."""
    await conn.execute(QUERIES["delete_refusal"], award.id, award.awarded_at)
    await conn.execute(
        QUERIES["insert_award"],
        award.id,
        award.enrolment_id,
        award.holder_id,
        award.credential_type,
        result.outcome,
        result.reason,
        result.detail,
        result.credential_id,
        result.term_id,
        award.awarded_at,
        now,
    )
    _DECIDED()


@dataclass(frozen=True, slots=True)
class AwardFilter:
    """Conditions of a list of awards; `None` is no condition."""

    id: UUID | None = None
    enrolment_id: UUID | None = None
    holder_id: UUID | None = None
    outcome: Outcome | None = None


async def list_awards(
    conn: Connection, wanted: AwardFilter, sees: Sees, after: tuple[datetime, UUID] | None, limit: int
) -> list[Award]:
    """Return a page of awards, the latest decision first."""
    at, last = after or (None, None)
    given = {
        **{field.name: getattr(wanted, field.name) for field in fields(wanted)},
        "teams": None if sees.teams is None else list(sees.teams),
        "locations": None if sees.locations is None else list(sees.locations),
        "after": at,
        "after_id": last,
        "limit": limit,
    }
    return [_award(row) for row in await TEMPLATES["list_awards"].fetch(conn, given)]


def _award(row: "asyncpg.Record") -> Award:
    return Award(
        id=row["id"],
        enrolment_id=row["enrolment_id"],
        holder_id=row["holder_id"],
        type=row["type"],
        result=AwardResult(
            Outcome(row["outcome"]),
            None if row["reason"] is None else Reason(row["reason"]),
            row["detail"],
            row["credential_id"],
            row["term_id"],
        ),
        awarded_at=row["awarded_at"],
        decided_at=row["decided_at"],
    )
