"""Audits and their schedules: due once each, however late."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from licet_events.audits import AuditCounts, AuditScheduleState, AuditState
from licet_events.reminders.decide import decide
from licet_events.reminders.model import Outcome, Subject, Timer
from licet_events.reminders.plan import plan_of_audit, plan_of_audit_schedule
from licet_events.schedule import InstantReached

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCHEDULE = AuditScheduleState(
    id=UUID(int=7), version=1, name="Quarterly", rule="FREQ=MONTHLY;INTERVAL=3", time_zone="UTC",
    starts_on=date(2026, 1, 1), due_within_days=30, next_at=NOW + timedelta(days=90), created_at=NOW,
    updated_at=NOW,
)  # fmt: skip
AUDIT = AuditState(
    id=UUID(int=8), version=1, name="Q1", opened_at=NOW, due_on=date(2026, 1, 31), time_zone="Europe/Berlin",
    counts=AuditCounts(items=3, open=3),
)  # fmt: skip


def timer_of(schedule: AuditScheduleState) -> Timer:
    return Timer(
        schedule.id, None, schedule.version, plan_of_audit_schedule(schedule), subject=Subject.AUDIT_SCHEDULE
    )


def test_a_schedule_is_due_once_and_again_only_when_it_has_moved_on():
    timer = timer_of(SCHEDULE)
    claim = decide(timer, NOW + timedelta(days=100))
    ((_, event),) = claim.events
    assert isinstance(event, InstantReached)
    assert (event.about, event.instant, event.at, event.key) == (
        "audit_schedule", "due", SCHEDULE.next_at, f"audit_schedule/{SCHEDULE.id}",
    )  # fmt: skip
    assert event.partition_key == event.key
    timer = replace(timer, decided=claim.decisions)
    assert decide(timer, NOW + timedelta(days=101)).events == ()
    moved = SCHEDULE.model_copy(update={"version": 2, "next_at": NOW + timedelta(days=180)})
    after = replace(timer_of(moved), decided=claim.decisions)
    assert decide(after, NOW + timedelta(days=101)).due_at == moved.next_at
    assert len(decide(after, NOW + timedelta(days=181)).events) == 1


def test_an_ended_schedule_is_never_due():
    ended = SCHEDULE.model_copy(update={"next_at": None, "ended_at": NOW})
    assert decide(timer_of(ended), NOW + timedelta(days=1000)).due_at is None


def test_an_open_audit_is_reminded_of_and_after_downtime_only_by_its_last_reminder():
    timer = Timer(AUDIT.id, None, 1, plan_of_audit(AUDIT), subject=Subject.AUDIT)
    assert decide(timer, NOW).due_at == datetime(2026, 1, 23, 23, tzinfo=UTC)
    claim = decide(timer, datetime(2026, 2, 1, tzinfo=UTC))
    ((_, event),) = claim.events
    assert isinstance(event, InstantReached)
    assert (event.instant, event.step) == ("due_near", 1)
    assert [decision.outcome for decision in claim.decisions] == [Outcome.PASSED_OVER, Outcome.ANNOUNCED]
    closed = AUDIT.model_copy(update={"version": 2, "closed_at": NOW})
    assert plan_of_audit(closed).deadlines == ()
