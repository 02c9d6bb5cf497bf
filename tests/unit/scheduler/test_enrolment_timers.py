"""Deadlines and windows of enrolments: each told once, at its time or as soon as the scheduler is back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from licet_events.enrolments import EnrolmentState
from licet_events.reminders.decide import decide, next_due
from licet_events.reminders.model import Outcome, Subject, Timer
from licet_events.reminders.plan import NEAR_STEPS, plan_of_enrolment
from licet_events.schedule import InstantReached
from support.scheduling.states import DAY, enrolment

OPENED = datetime(2026, 1, 1, 12, tzinfo=UTC)
DEADLINE = OPENED + 90 * DAY
WINDOW = OPENED + 400 * DAY


class Scheduler:
    """The timer of one enrolment over time, without a database."""

    def __init__(self, state: EnrolmentState) -> None:
        self.timer = Timer(
            state.id, state.holder_id, state.version, plan_of_enrolment(state), subject=Subject.ENROLMENT
        )

    def learn(self, state: EnrolmentState) -> None:
        self.timer = replace(self.timer, plan=plan_of_enrolment(state), version=state.version)

    def at(self, now: datetime) -> list[InstantReached]:
        claim = decide(self.timer, now)
        self.timer = replace(self.timer, decided=self.timer.decided + claim.decisions)
        assert claim.due_at == next_due(self.timer, now)
        assert claim.due_at is None or claim.due_at > now
        told = [event for _, event in claim.events]
        assert all(isinstance(event, InstantReached) for event in told)
        return [event for event in told if isinstance(event, InstantReached)]


def names(told: list[InstantReached]) -> list[tuple[str, int | None]]:
    return [(event.instant, event.step) for event in told]


def test_reminders_and_the_deadline_come_at_their_instants() -> None:
    scheduler = Scheduler(enrolment(deadline_at=DEADLINE, created_at=OPENED))
    for at, expected in (
        (DEADLINE - 30 * DAY, ("deadline_near", 30)),
        (DEADLINE - 7 * DAY, ("deadline_near", 7)),
        (DEADLINE, ("deadline", None)),
    ):
        assert next_due(scheduler.timer, OPENED) == at
        (event,) = scheduler.at(at)
        assert ((event.instant, event.step), event.at, event.about) == (expected, at, "enrolment")
        assert scheduler.at(at) == []
    assert next_due(scheduler.timer, DEADLINE) is None


def test_after_downtime_the_deadline_is_announced_and_its_reminders_are_skipped() -> None:
    scheduler = Scheduler(enrolment(deadline_at=DEADLINE, created_at=OPENED))
    assert names(scheduler.at(DEADLINE + 10 * DAY)) == [("deadline", None)]
    passed_over = [each for each in scheduler.timer.decided if each.outcome is Outcome.PASSED_OVER]
    assert [each.identity.step for each in passed_over] == list(NEAR_STEPS)


def test_after_downtime_only_the_strictest_reminder_is_announced() -> None:
    scheduler = Scheduler(enrolment(deadline_at=DEADLINE, created_at=OPENED))
    assert names(scheduler.at(DEADLINE - 2 * DAY)) == [("deadline_near", 7)]


def test_a_reminder_before_the_application_is_passed_over() -> None:
    scheduler = Scheduler(enrolment(deadline_at=OPENED + 10 * DAY, created_at=OPENED))
    assert names(scheduler.at(OPENED)) == []
    assert names(scheduler.at(OPENED + 3 * DAY)) == [("deadline_near", 7)]


def test_a_window_that_opened_before_the_enrolment_was_known_is_announced_at_once() -> None:
    scheduler = Scheduler(enrolment(window_opens_at=OPENED - 100 * DAY, created_at=OPENED))
    assert names(scheduler.at(OPENED)) == [("window_opens", None)]
    assert scheduler.at(OPENED + DAY) == []


def test_a_window_that_moves_with_a_renewal_opens_again() -> None:
    scheduler = Scheduler(enrolment(window_opens_at=WINDOW, created_at=OPENED))
    assert names(scheduler.at(WINDOW)) == [("window_opens", None)]
    scheduler.learn(enrolment(window_opens_at=WINDOW + 365 * DAY, created_at=OPENED, version=2))
    assert scheduler.at(WINDOW + DAY) == []
    assert names(scheduler.at(WINDOW + 365 * DAY)) == [("window_opens", None)]


def test_an_enrolment_that_is_over_has_no_instants() -> None:
    scheduler = Scheduler(enrolment(deadline_at=DEADLINE, created_at=OPENED))
    scheduler.learn(enrolment(created_at=OPENED, version=2))
    assert next_due(scheduler.timer, OPENED) is None
    assert scheduler.at(DEADLINE) == []


INSTANTS = st.none() | st.integers(-100, 800).map(lambda days: OPENED + timedelta(days=days, hours=5))
STATES = st.lists(st.tuples(INSTANTS, INSTANTS), min_size=1, max_size=4)
WALK = st.lists(st.integers(0, 900 * 24), max_size=12)


@settings(deadline=None)
@given(STATES, WALK)
def test_whenever_timers_are_claimed_each_instant_is_announced_once_and_none_early(
    states: list[tuple[datetime | None, datetime | None]], walk: list[int]
) -> None:
    first = enrolment(deadline_at=states[0][0], window_opens_at=states[0][1], created_at=OPENED)
    scheduler, told = Scheduler(first), []
    instants = [OPENED + timedelta(hours=hours) for hours in sorted(walk)]
    for number, now in enumerate([*instants, OPENED + 900 * DAY]):
        deadline_at, window_opens_at = states[number % len(states)]
        state = enrolment(
            version=number + 2, deadline_at=deadline_at, window_opens_at=window_opens_at, created_at=OPENED
        )
        scheduler.learn(state)
        events = scheduler.at(now)
        assert all(event.at <= now for event in events)
        told += [(event.instant, event.step, event.at) for event in events]
        for at, instant in ((deadline_at, "deadline"), (window_opens_at, "window_opens")):
            assert at is None or at > now or (instant, None, at) in told
        assert sum(event.instant == "deadline_near" for event in events) <= 1
    assert len(set(told)) == len(told)
