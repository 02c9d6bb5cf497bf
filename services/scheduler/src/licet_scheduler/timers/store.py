"""SQL of timers: the projected states, the due times, and the decisions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from licet_chassis.clock import machine_now
from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_events import Event, Record
from licet_events.credentials import CredentialMoved
from licet_events.holders import HolderState
from licet_events.reminders.events import announcement, correlation_of
from licet_events.reminders.model import Claim, Decision, Outcome, Subject, SubjectPlan, Timer, reason_of
from licet_events.reminders.plan import (
    AuditInstant,
    DeadlineKey,
    EnrolmentInstant,
    Identity,
    Kind,
    Plan,
    SubjectInstant,
    WaiverInstant,
)
from licet_events.schedule import (
    Announcement,
    CredentialEffective,
    CredentialExpired,
    CredentialExpiring,
    CredentialOverdue,
    Deadline,
    DeadlineReached,
    InstantReached,
)

QUERIES = load_queries(__package__)
REPEATED_FOR = timedelta(days=30)
"""Retention of the schedule topic, in machine time; a backfill repeats no older event."""

_PLAN = TypeAdapter(Plan)
_COUNTED = 10_000
_EVENTS: Mapping[Kind, type[Announcement]] = {
    Kind.EFFECTIVE: CredentialEffective,
    Kind.EXPIRED: CredentialExpired,
    Kind.EXPIRING: CredentialExpiring,
    Kind.OVERDUE: CredentialOverdue,
}


@dataclass(frozen=True, slots=True)
class KnownHolder:
    """State of a holder before the batch."""

    version: int
    active: bool

    def inactive_before(self, version: int) -> bool:
        """Return whether the holder was inactive in the state before that version."""
        return self.version < version and not self.active


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A decision to insert, with the records that its claim publishes, by event id."""

    timer: Timer
    claim: Claim
    decision: Decision
    records: Mapping[UUID, Record]


@dataclass(frozen=True, slots=True)
class PastDecision:
    """A decision, as stored."""

    decision: Decision
    version: int
    """Version of the subject's state on which the decision was made."""
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class ShownTimer:
    """A timer with all past decisions about its subject."""

    timer: Timer
    due_at: datetime | None
    past: tuple[PastDecision, ...]


# ── projection ─────────────────────────────────────────────────────────────────────────────────────


async def lock_holders(conn: Connection, ids: Sequence[UUID]) -> dict[UUID, KnownHolder]:
    """Lock the known ones of the holders, and return their states."""
    rows = await conn.fetch(QUERIES["lock_holders"], ids)
    return {row["id"]: KnownHolder(row["version"], row["active"]) for row in rows}


async def share_holders(conn: Connection, ids: Sequence[UUID]) -> None:
    """Lock the holders against changes until the transaction ends."""
    await conn.execute(QUERIES["share_holders"], ids)


async def upsert_holders(conn: Connection, holders: Sequence[HolderState]) -> None:
    """Upsert states of holders; a state older than the stored one is ignored."""
    await conn.execute(
        QUERIES["upsert_holders"],
        [holder.id for holder in holders],
        [holder.version for holder in holders],
        [holder.active for holder in holders],
        [holder.team for holder in holders],
        [holder.location for holder in holders],
    )


async def upsert_plans(conn: Connection, plans: Sequence[SubjectPlan]) -> list[UUID]:
    """Upsert plans, ignoring those older than the stored ones; returns the ids of written plans."""
    rows = await conn.fetch(
        QUERIES["upsert_plans"],
        [each.id for each in plans],
        [each.version for each in plans],
        [each.holder_id for each in plans],
        [_PLAN.dump_json(each.plan).decode() for each in plans],
        [each.subject for each in plans],
    )
    return [row["id"] for row in rows]


async def end_credentials(conn: Connection, moved: Sequence[CredentialMoved]) -> None:
    """Delete moved credentials that are still stored under their old holders, and their timers."""
    await conn.execute(
        QUERIES["end_credentials"],
        [each.credential_id for each in moved],
        [each.holder_id for each in moved],
    )


async def lock_timers(conn: Connection, subject_ids: Sequence[UUID]) -> None:
    """Lock the timers of the subjects, so that nobody else decides on them before the transaction ends."""
    await conn.execute(QUERIES["lock_timers"], subject_ids)


async def lock_timers_of_holders(conn: Connection, holder_ids: Sequence[UUID]) -> list[UUID]:
    """Lock the timers of the holders, and return the ids of their credentials and enrolments."""
    rows = await conn.fetch(QUERIES["lock_timers_of_holders"], holder_ids)
    return [row["credential_id"] for row in rows]


async def page_of_plans(conn: Connection, after: UUID | None, limit: int) -> list[UUID]:
    """Return the ids of credentials that have a plan, in order, after an id."""
    return [row["id"] for row in await conn.fetch(QUERIES["page_of_plans"], after, limit)]


async def count_plans(conn: Connection, after: UUID | None) -> int:
    """Return how many credentials that have a plan come after an id."""
    count: int = await conn.fetchval(QUERIES["count_plans"], after)
    return count


async def move_plans(conn: Connection, timers: Sequence[Timer]) -> None:
    """Write the plans of timers whose instants were derived again; the caller holds the timers."""
    await conn.execute(
        QUERIES["move_plans"],
        [timer.subject_id for timer in timers],
        [timer.version for timer in timers],
        [_PLAN.dump_json(timer.plan).decode() for timer in timers],
    )


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Delete everything about a holder; the caller must exclude concurrent claims and projections."""
    await conn.execute(QUERIES["forget_holder"], holder_id)


# ── deciding ──────────────────────────────────────────────────────────────────────────────────────


async def claim_timers(conn: Connection, now: datetime, limit: int) -> list[UUID]:
    """Claim at most `limit` due timers, skipping those that others have claimed."""
    return [row["credential_id"] for row in await conn.fetch(QUERIES["claim_timers"], now, limit)]


async def read_timers(conn: Connection, subject_ids: Sequence[UUID]) -> list[Timer]:
    """Return timers with their decisions so far.

    Call it after the statement that locked them, never in one with it: a statement sees what was
    committed before it began, and the wait for a lock may outlast somebody else's commit.
    """
    await conn.execute(QUERIES["plan_anew"])
    rows = await conn.fetch(QUERIES["read_timers"], subject_ids)
    past = await _read_decisions(conn, subject_ids)
    return [_timer(row, past.get(row["id"], ())) for row in rows]


async def set_timers(conn: Connection, due: Sequence[tuple[UUID, datetime | None]]) -> None:
    """Upsert the due times of timers."""
    await conn.execute(QUERIES["set_timers"], [each for each, _ in due], [at for _, at in due])


async def insert_decisions(
    conn: Connection, rows: Sequence[DecisionRow], decided_at: datetime, recorded_at: datetime
) -> None:
    """Store decisions, and the event of each announced one as published."""
    await conn.execute(
        QUERIES["insert_decisions"],
        [one.timer.subject_id for one in rows],
        [one.decision.id for one in rows],
        [one.decision.outcome for one in rows],
        [one.decision.reason for one in rows],
        [str(one.decision.identity.kind) for one in rows],
        [one.decision.identity.term_id for one in rows],
        [one.decision.identity.term_revision for one in rows],
        [one.decision.identity.step for one in rows],
        [one.decision.at for one in rows],
        [one.timer.version for one in rows],
        [correlation_of(one.claim) for one in rows],
        decided_at,
        recorded_at,
        [_body(one.records.get(one.decision.id)) for one in rows],
    )


# ── reading ───────────────────────────────────────────────────────────────────────────────────────


async def count_due(conn: Connection, now: datetime) -> int:
    """Return the number of due timers, counted up to a bound."""
    count: int = await conn.fetchval(QUERIES["count_due"], now, _COUNTED)
    return count


async def next_due(conn: Connection, now: datetime) -> datetime | None:
    """Return the next instant after `now` at which a timer is due."""
    instant: datetime | None = await conn.fetchval(QUERIES["next_due"], now)
    return instant


async def list_timers(
    conn: Connection,
    *,
    after: UUID | None,
    teams: frozenset[str] | None,
    locations: frozenset[str] | None,
    subject: Subject | None,
    limit: int,
) -> list[ShownTimer]:
    """Return timers in order of ids, of holders in those teams and locations (`None`: all)."""
    return await _shown(
        conn,
        await conn.fetch(QUERIES["list_timers"], after, _codes(teams), _codes(locations), limit, subject),
    )


async def find_timer(
    conn: Connection,
    subject_id: UUID,
    *,
    teams: frozenset[str] | None,
    locations: frozenset[str] | None,
) -> list[ShownTimer]:
    """Return the timer of a subject; nothing if there is none, or its holder may not be seen."""
    return await _shown(
        conn, await conn.fetch(QUERIES["find_timer"], subject_id, _codes(teams), _codes(locations))
    )


async def page_announced(
    conn: Connection, cursor: Any, limit: int
) -> tuple[list[Event[Announcement]], tuple[datetime, int] | None]:
    """Return a page of the events published in the last 30 days, in their order, unchanged."""
    since, number = cursor or (None, None)
    rows = await conn.fetch(QUERIES["page_announced"], machine_now() - REPEATED_FOR, since, number, limit)
    last = (rows[-1]["recorded_at"], rows[-1]["number"]) if len(rows) == limit else None
    return [_event(row) for row in rows], last


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────


async def _read_decisions(
    conn: Connection, subject_ids: Sequence[UUID]
) -> dict[UUID, tuple[PastDecision, ...]]:
    found: dict[UUID, list[PastDecision]] = {}
    for row in await conn.fetch(QUERIES["read_decisions"], subject_ids):
        found.setdefault(row["credential_id"], []).append(_past_decision(row))
    return {subject_id: tuple(past) for subject_id, past in found.items()}


async def _shown(conn: Connection, rows: Sequence["asyncpg.Record"]) -> list[ShownTimer]:
    past = await _read_decisions(conn, [row["id"] for row in rows])
    return [
        ShownTimer(_timer(row, past.get(row["id"], ())), row["due_at"], past.get(row["id"], ()))
        for row in rows
    ]


def _timer(row: "asyncpg.Record", past: Sequence[PastDecision]) -> Timer:
    return Timer(
        subject_id=row["id"],
        holder_id=row["holder_id"],
        version=row["version"],
        plan=_PLAN.validate_json(row["plan"]),
        holder_active=row["holder_active"],
        decided=tuple(one.decision for one in past),
        subject=Subject(row["subject"]),
    )


def _past_decision(row: "asyncpg.Record") -> PastDecision:
    reason = row["reason"]
    decision = Decision(
        id=row["id"],
        identity=Identity(row["term_id"], row["term_revision"], _kind(row["kind"]), row["step"]),
        at=row["at"],
        outcome=Outcome(row["outcome"]),
        reason=None if reason is None else reason_of(reason),
    )
    return PastDecision(decision, row["credential_version"], row["decided_at"])


def _kind(name: str) -> Kind | DeadlineKey:
    """Parse the stored name of a kind, as written by `str`."""
    family, *about = name.split(":", 3)
    if family in set(Kind):
        return Kind(family)
    code, *reference = about
    deadline = _deadline(code)
    if not reference:
        return DeadlineKey(deadline)
    return DeadlineKey(deadline, UUID(reference[0]), datetime.fromisoformat(reference[1]))


def _deadline(code: str) -> Deadline | SubjectInstant:
    if code in set(EnrolmentInstant):
        return EnrolmentInstant(code)
    if code in set(AuditInstant):
        return AuditInstant(code)
    return WaiverInstant(code) if code in set(WaiverInstant) else Deadline(code)


def _body(record: Record | None) -> str | None:
    return None if record is None or record.value is None else record.value.decode()


def _event(row: "asyncpg.Record") -> Event[Announcement]:
    kind = _kind(row["kind"])
    model: type[Announcement]
    if isinstance(kind, Kind):
        model = _EVENTS[kind]
    else:
        model = DeadlineReached if isinstance(kind.deadline, Deadline) else InstantReached
    return announcement(
        model.model_validate_json(row["event"]),
        row["id"],
        row["correlation_id"],
        row["decided_at"],
        row["recorded_at"],
    )


def _codes(codes: frozenset[str] | None) -> list[str] | None:
    return None if codes is None else sorted(codes)
