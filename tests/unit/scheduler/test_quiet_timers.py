"""While a submitted renewal waits for its issuer reminders rest; afterwards the strictest one comes back."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from licet_events.credentials import CredentialState, FlagKind
from licet_events.reminders.decide import decide, next_due
from licet_events.reminders.model import Claim, Outcome, QuietReason, Timer
from licet_events.reminders.plan import plan_of
from licet_events.schedule import CredentialEffective, CredentialExpired, CredentialExpiring, PassedOverReason
from support.scheduling.states import ENTERED, credential, flag, term

UNTIL = date(2026, 12, 31)


def licence(quiet_until: datetime | None = None, **changes: Any) -> CredentialState:
    state = credential(term("only", date(2026, 1, 2), UNTIL), **changes)
    return state.model_copy(update={"quiet_until": quiet_until})


def day(month: int, number: int, hour: int = 12) -> datetime:
    return datetime(2026, month, number, hour, tzinfo=UTC)


class Scheduler:
    """The timer of one credential, looked at whenever it is due."""

    def __init__(self, state: CredentialState) -> None:
        self.timer = Timer(state.id, state.holder_id, state.version, plan_of(state))
        self.clock = ENTERED

    def learn(self, state: CredentialState) -> None:
        self.timer = replace(self.timer, plan=plan_of(state))

    def until(self, now: datetime) -> list[Claim]:
        claims = []
        while (due := next_due(self.timer, self.clock)) is not None and due <= now:
            self.clock = max(self.clock, due)
            claim = decide(self.timer, self.clock)
            self.timer = replace(self.timer, decided=self.timer.decided + claim.decisions)
            claims.append(claim)
            assert len(claims) < 100
        self.clock = now
        return claims

    def steps(self, now: datetime) -> list[int | None]:
        return [
            decision.identity.step
            for claim in self.until(now)
            for decision in claim.decisions
            if decision.announces_step
        ]


def test_steps_reached_while_reminders_are_quiet_are_passed_over_and_the_strictest_comes_back() -> None:
    scheduler = Scheduler(licence())
    assert scheduler.steps(day(10, 5)) == [90]
    scheduler.learn(licence(quiet_until=day(12, 26)))
    assert scheduler.steps(day(12, 25)) == []
    assert [
        d.reason for d in scheduler.timer.decided if d.outcome is Outcome.PASSED_OVER and d.identity.step
    ] == [QuietReason.SUBMITTED] * 3  # 60, 30 and 7 days before
    assert next_due(scheduler.timer, day(12, 25)) == day(12, 26)
    assert scheduler.steps(day(12, 26)) == [7]
    assert scheduler.steps(day(12, 31)) == [0]


def test_a_submission_that_ends_early_brings_reminders_back_at_once() -> None:
    scheduler = Scheduler(licence(quiet_until=day(12, 26)))
    scheduler.steps(day(12, 10))
    scheduler.learn(licence())
    due = next_due(scheduler.timer, day(12, 10))
    assert due is not None
    assert due <= day(12, 10)
    assert scheduler.steps(day(12, 10)) == [30]


def test_a_step_announced_before_the_submission_is_not_announced_again() -> None:
    scheduler = Scheduler(licence())
    assert scheduler.steps(day(12, 10)) == [90, 60, 30]
    scheduler.learn(licence(quiet_until=day(12, 20)))
    assert scheduler.steps(day(12, 20)) == []


def test_facts_are_announced_while_reminders_are_quiet() -> None:
    scheduler = Scheduler(licence(quiet_until=datetime(2027, 2, 1, tzinfo=UTC)))
    claims = scheduler.until(datetime(2027, 1, 3, tzinfo=UTC))
    assert [type(event) for claim in claims for _, event in claim.events if event.notify][-1] is (
        CredentialExpired
    )


def test_a_quiet_step_of_an_inactive_holder_comes_back_with_the_holder() -> None:
    scheduler = Scheduler(licence(quiet_until=day(12, 20)))
    scheduler.steps(day(12, 10))
    scheduler.timer = replace(scheduler.timer, holder_active=False)
    assert scheduler.steps(day(12, 22)) == []
    scheduler.timer = replace(scheduler.timer, holder_active=True)
    assert scheduler.steps(day(12, 22)) == [30]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=6, unique=True).map(sorted),
    st.integers(1, 400),
    st.integers(0, 400),
)
def test_whenever_timers_are_claimed_no_step_is_announced_while_quiet_and_none_twice(
    looks: list[int], rests: int, withdrawn: int
) -> None:
    start = datetime(2026, 1, 2, tzinfo=UTC)

    def at(days: int) -> datetime:
        return start.replace() + (day(1, 3) - day(1, 2)) * days

    scheduler = Scheduler(licence(quiet_until=at(rests)))
    announced: list[tuple[datetime, int | None]] = []
    for look in looks:
        now = at(look)
        if look >= withdrawn:
            scheduler.learn(licence())
        claim = decide(scheduler.timer, now)
        scheduler.timer = replace(scheduler.timer, decided=scheduler.timer.decided + claim.decisions)
        told = [(now, d.identity.step) for d in claim.decisions if d.announces_step]
        assert not (told and look < min(rests, withdrawn))
        due = next_due(scheduler.timer, now)
        assert due is None or due > now
        announced += told
    assert len({step for _, step in announced}) == len(announced)


def test_undoing_a_final_flag_restores_the_timers() -> None:
    revoked = flag(FlagKind.REVOKED, day(10, 15))
    scheduler = Scheduler(licence(flags=[revoked]))
    assert scheduler.steps(day(12, 28)) == [90]
    assert next_due(scheduler.timer, day(12, 28)) is None
    undone = revoked.model_copy(update={"until": revoked.effective_from})
    scheduler.learn(licence(flags=[undone]))
    assert scheduler.steps(day(12, 28)) == [7]
    assert scheduler.steps(day(12, 31)) == [0]


def test_a_flag_undone_before_it_began_is_not_announced() -> None:
    planned = flag(FlagKind.REVOKED, day(10, 15))
    undone = planned.model_copy(update={"until": planned.effective_from})
    scheduler = Scheduler(licence(flags=[undone]))
    events = [event for claim in scheduler.until(day(10, 20)) for _, event in claim.events]
    assert [type(event) for event in events] == [CredentialEffective, CredentialExpiring]


def test_a_missing_past_term_is_not_announced() -> None:
    """The beginning, the end and the steps of a term that ended before it was recorded are history."""
    later = term("later", date(2026, 9, 1), date(2026, 12, 31))
    scheduler = Scheduler(credential(later, created_at=ENTERED))
    assert scheduler.steps(day(8, 1)) == []
    missing = term("missing", date(2026, 1, 3), date(2026, 6, 30), recorded_at=day(8, 1))
    scheduler.learn(credential(missing, later, created_at=ENTERED, version=2))
    claims = scheduler.until(day(8, 2))
    assert [event for claim in claims for _, event in claim.events] == []
    assert {d.reason for claim in claims for d in claim.decisions} == {PassedOverReason.ENTERED_LATE}
    assert scheduler.steps(day(10, 5)) == [90]
