"""The rules of reminders (docs/concepts.md) in single cases."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from licet_events.civil import Ending, ExpiresAtRule
from licet_events.credentials import CredentialState, FlagKind
from licet_events.reminders.decide import decide, next_due
from licet_events.reminders.model import Claim, Outcome, QuietReason, Timer
from licet_events.reminders.plan import plan_of
from licet_events.schedule import (
    Announcement,
    CredentialEffective,
    CredentialExpired,
    CredentialExpiring,
    CredentialOverdue,
    Deadline,
    DeadlineReached,
    InstantReached,
    PassedOverReason,
)
from support.scheduling.states import ENTERED, LADDER, credential, flag, term

UNTIL = date(2026, 12, 31)
END = datetime(2026, 12, 31, 23, tzinfo=UTC)
"""The end of that day in Berlin."""


class Scheduler:
    """The timer of one credential over time, without a database."""

    def __init__(self, state: CredentialState, *, active: bool = True) -> None:
        self.timer = Timer(state.id, state.holder_id, state.version, plan_of(state), active)

    def learn(self, state: CredentialState) -> None:
        self.timer = replace(self.timer, plan=plan_of(state), version=state.version)

    def holder(self, *, active: bool) -> None:
        self.timer = replace(self.timer, holder_active=active)

    def at(self, now: datetime) -> Claim:
        claim = decide(self.timer, now)
        self.timer = replace(self.timer, decided=self.timer.decided + claim.decisions)
        return claim

    def due(self, now: datetime) -> datetime | None:
        return next_due(self.timer, now)


def day(year: int, month: int, day: int, hour: int = 9) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def events(claim: Claim) -> list[Announcement]:
    return [event for _, event in claim.events]


def announced(claim: Claim) -> list[tuple[str, int | None]]:
    return [
        (str(d.identity.kind), d.identity.step) for d in claim.decisions if d.outcome is Outcome.ANNOUNCED
    ]


def passed_over(claim: Claim) -> dict[int | None, PassedOverReason | QuietReason | None]:
    return {d.identity.step: d.reason for d in claim.decisions if d.outcome is Outcome.PASSED_OVER}


def a_year(**changes: object) -> CredentialState:
    return credential(term("first", date(2026, 1, 2), UNTIL), **changes)  # type: ignore[arg-type]  # given by name


def test_a_credential_goes_through_its_ladder_step_by_step() -> None:
    scheduler = Scheduler(a_year())
    told: list[Announcement] = []
    now: datetime | None = scheduler.due(ENTERED)
    while now is not None:
        claim = scheduler.at(now)
        told += events(claim)
        now = claim.due_at
    assert [type(event) for event in told] == [
        CredentialEffective,
        *[CredentialExpiring] * 5,
        CredentialExpired,
        CredentialOverdue,
    ]
    assert all(event.notify for event in told)
    steps = [event for event in told if isinstance(event, CredentialExpiring)]
    assert [(event.step, event.days_left) for event in steps] == [(n, n) for n in (90, 60, 30, 7, 0)]
    # 90 days before is in summer time, 60 days before in winter time.
    assert [event.at.hour for event in steps] == [22, 23, 23, 23, 23]
    assert told[-2].at == END
    assert isinstance(told[-1], CredentialOverdue)
    assert (told[-1].step, told[-1].days_since) == (-7, 7)


def test_after_downtime_all_facts_and_only_the_strictest_step_are_announced() -> None:
    scheduler = Scheduler(a_year())
    claim = scheduler.at(day(2026, 12, 10))
    assert announced(claim) == [("effective", None), ("deadline:expiring", 90), ("expiring", 30)]
    assert passed_over(claim) == {90: PassedOverReason.STRICTER_STEP, 60: PassedOverReason.STRICTER_STEP}
    expiring = events(claim)[-1]
    assert isinstance(expiring, CredentialExpiring)
    assert [skipped.step for skipped in expiring.passed_over] == [90, 60]
    assert expiring.days_left == 21
    assert [event.notify for event in events(claim)] == [False, False, True]


def test_only_the_latest_announcement_of_a_claim_notifies() -> None:
    claim = Scheduler(a_year()).at(END + timedelta(days=2))
    told = {type(event): event.notify for event in events(claim)}
    assert told == {
        CredentialEffective: False,
        DeadlineReached: False,
        CredentialExpiring: False,
        CredentialExpired: True,
    }
    later = Scheduler(a_year()).at(END + timedelta(days=30))
    assert [type(event) for event in events(later)][-2:] == [CredentialExpired, CredentialOverdue]
    assert [event.notify for event in events(later)][-2:] == [False, True]


def test_events_are_in_the_order_of_their_instants() -> None:
    claim = Scheduler(a_year()).at(END + timedelta(days=30))
    assert [event.at for event in events(claim)] == sorted(event.at for event in events(claim))


def test_deciding_again_decides_nothing() -> None:
    scheduler = Scheduler(a_year())
    scheduler.at(day(2026, 12, 10))
    again = scheduler.at(day(2026, 12, 10))
    assert (again.decisions, again.events) == ((), ())
    assert again.due_at == datetime(2026, 12, 23, 23, tzinfo=UTC)


def test_a_late_entry_announces_the_strictest_reached_step_and_no_beginning() -> None:
    state = credential(term("first", date(2025, 1, 1), date(2026, 1, 21)))
    claim = Scheduler(state).at(ENTERED)
    assert announced(claim) == [("expiring", 30)]
    assert passed_over(claim) == {
        None: PassedOverReason.ENTERED_LATE,
        90: PassedOverReason.ENTERED_LATE,
        60: PassedOverReason.ENTERED_LATE,
    }
    assert claim.due_at == datetime(2026, 1, 13, 23, tzinfo=UTC)


def test_an_imported_term_announces_future_steps_and_no_reached_one() -> None:
    state = credential(term("first", date(2025, 1, 1), date(2026, 1, 21), announce_reached=False))
    scheduler = Scheduler(state)
    assert announced(scheduler.at(ENTERED)) == []
    assert announced(scheduler.at(day(2026, 1, 15))) == [("expiring", 7)]


def test_past_terms_announce_nothing() -> None:
    state = credential(
        term("first", date(2020, 1, 1), date(2021, 1, 21)), term("second", date(2023, 1, 1), date(2024, 1, 1))
    )
    claim = Scheduler(state).at(ENTERED)
    assert claim.events == ()
    assert claim.due_at is None
    assert set(passed_over(claim).values()) == {PassedOverReason.ENTERED_LATE}


def test_an_expired_credential_entered_late_announces_the_steps_after_its_entry() -> None:
    state = credential(term("first", date(2020, 1, 1), date(2025, 12, 28)))
    scheduler = Scheduler(state)
    assert announced(scheduler.at(ENTERED)) == []
    assert announced(scheduler.at(day(2026, 1, 4))) == [("overdue", -7)]


def test_an_early_renewal_ends_the_old_ladder() -> None:
    first = term("first", date(2026, 1, 2), UNTIL)
    scheduler = Scheduler(credential(first))
    scheduler.at(day(2026, 11, 5))  # steps 90 and 60
    second = term("second", date(2027, 1, 1), date(2027, 12, 31), recorded_at=day(2026, 11, 6))
    scheduler.learn(credential(first, second, version=2))
    assert scheduler.due(day(2026, 11, 6)) == datetime(2027, 10, 1, 22, tzinfo=UTC)
    assert scheduler.at(day(2027, 9, 1)).decisions == ()


def test_a_run_after_a_gap_expires_and_becomes_effective() -> None:
    first = term("first", date(2026, 1, 2), UNTIL)
    second = term("second", date(2027, 2, 1), date(2027, 3, 31), recorded_at=day(2026, 11, 6))
    scheduler = Scheduler(credential(first, second))
    claim = scheduler.at(day(2027, 1, 20))
    assert announced(claim)[-1] == ("overdue", -7)
    assert isinstance(events(claim)[-2], CredentialExpired)
    claim = scheduler.at(day(2027, 2, 1))
    # 90 and 60 days before its end lie before its start: they are not told for this term.
    assert announced(claim) == [("effective", None)]
    claim = scheduler.at(day(2027, 3, 1))
    assert announced(claim) == [("expiring", 30)]
    told = [event for event in events(claim) if not isinstance(event, InstantReached)]
    assert [event.term_id for event in told] == [second.id]


def test_a_late_renewal_becomes_effective_only_from_its_entry_on() -> None:
    first = term("first", date(2026, 1, 2), UNTIL)
    scheduler = Scheduler(credential(first))
    scheduler.at(day(2027, 2, 2))
    second = term("second", date(2027, 2, 1), date(2028, 1, 31), recorded_at=day(2027, 2, 3))
    scheduler.learn(credential(first, second, version=2))
    claim = scheduler.at(day(2027, 2, 3))
    assert claim.events == ()
    assert passed_over(claim) == {None: PassedOverReason.ENTERED_LATE}


def test_a_jump_over_a_gap_announces_every_fact_and_no_step_of_the_old_run() -> None:
    first = term("first", date(2026, 1, 2), UNTIL)
    second = term("second", date(2027, 3, 1), date(2028, 2, 28))
    claim = Scheduler(credential(first, second)).at(day(2027, 4, 1))
    assert announced(claim) == [("effective", None), ("expired", None), ("effective", None)]
    assert [event.notify for event in events(claim)] == [False, False, True]


def test_a_correction_opens_future_steps_and_passes_over_reached_ones() -> None:
    first = term("first", date(2026, 1, 2), UNTIL)
    scheduler = Scheduler(credential(first))
    scheduler.at(day(2026, 10, 4))  # step 90
    corrected = term(
        "first", date(2026, 1, 2), date(2026, 11, 15), revision=2, corrected_at=day(2026, 10, 20)
    )
    scheduler.learn(credential(corrected, version=2))
    claim = scheduler.at(day(2026, 10, 20))
    assert passed_over(claim) == {
        None: PassedOverReason.CORRECTED,  # its beginning was told and is as it was
        90: PassedOverReason.CORRECTED,
        60: PassedOverReason.CORRECTED,
        30: PassedOverReason.CORRECTED,
    }
    assert announced(claim) == [("deadline:expiring", 90)]
    assert announced(scheduler.at(day(2026, 11, 8))) == [("expiring", 7)]


def test_a_correction_of_an_unannounced_term_announces_the_strictest_step() -> None:
    first = term("first", date(2026, 1, 2), date(2099, 12, 31))
    scheduler = Scheduler(credential(first))
    scheduler.at(day(2026, 10, 20))
    corrected = term(
        "first", date(2026, 1, 2), date(2026, 11, 15), revision=2, corrected_at=day(2026, 10, 20)
    )
    scheduler.learn(credential(corrected, version=2))
    assert announced(scheduler.at(day(2026, 10, 20)))[-1] == ("expiring", 30)


def test_a_correction_that_moves_the_end_announces_the_new_end() -> None:
    scheduler = Scheduler(a_year())
    scheduler.at(END)
    corrected = term("first", date(2026, 1, 2), date(2027, 2, 28), revision=2, corrected_at=day(2027, 1, 2))
    scheduler.learn(credential(corrected, version=2))
    assert announced(scheduler.at(day(2027, 1, 2))) == [("deadline:expiring", 90)]
    assert ("expired", None) in announced(scheduler.at(day(2027, 3, 1)))


def test_a_changed_ladder_keeps_what_was_decided() -> None:
    first = term("first", date(2026, 1, 2), UNTIL)
    scheduler = Scheduler(credential(first))
    scheduler.at(day(2026, 12, 5))  # 90, 60, 30
    scheduler.learn(credential(first, version=2, ladder=(120, 45, 30, 14)))
    claim = scheduler.at(day(2026, 12, 5))
    assert announced(claim) == [("deadline:expiring", 120)]
    assert passed_over(claim) == dict.fromkeys((120, 45), PassedOverReason.STRICTER_STEP)
    assert announced(scheduler.at(day(2026, 12, 17))) == [("expiring", 14)]


def test_removing_an_announced_step_does_not_announce_a_milder_one() -> None:
    first = term("first", date(2026, 1, 2), UNTIL)
    scheduler = Scheduler(credential(first))
    scheduler.at(day(2026, 12, 5))  # 90, 60, 30
    scheduler.learn(credential(first, version=2, ladder=(90, 45)))
    assert passed_over(scheduler.at(day(2026, 12, 5))) == {45: PassedOverReason.STRICTER_STEP}


def test_a_final_flag_ends_all_timers_and_its_start_is_announced() -> None:
    first = term("first", date(2026, 1, 2), UNTIL)
    scheduler = Scheduler(credential(first))
    scheduler.at(day(2026, 10, 4))
    revoked = flag(FlagKind.REVOKED, day(2026, 11, 1))
    scheduler.learn(credential(first, version=2, flags=[revoked]))
    claim = scheduler.at(day(2026, 11, 2))
    assert [
        (event.deadline, event.reference) for event in events(claim) if isinstance(event, DeadlineReached)
    ] == [(Deadline.FLAG_START, revoked.id)]
    assert len(claim.events) == 1
    assert claim.due_at is None


def test_a_fact_before_a_final_flag_is_announced_however_late() -> None:
    first = term("first", date(2026, 1, 2), UNTIL)
    state = credential(first, flags=[flag(FlagKind.SURRENDERED, END + timedelta(days=3))])
    claim = Scheduler(state).at(END + timedelta(days=30))
    assert [kind for kind, _ in announced(claim)][:2] == ["effective", "expired"]


def test_a_correction_that_lifts_a_final_flag_resumes_the_ladder() -> None:
    first = term("first", date(2026, 1, 2), UNTIL)
    scheduler = Scheduler(credential(first, flags=[flag(FlagKind.REVOKED, day(2026, 6, 1))]))
    assert scheduler.at(day(2026, 12, 10)).due_at is None
    scheduler.learn(credential(first, version=2))
    assert announced(scheduler.at(day(2026, 12, 10)))[-1] == ("expiring", 30)


def test_voiding_ends_everything() -> None:
    scheduler = Scheduler(a_year(voided=True))
    claim = scheduler.at(END)
    assert claim == Claim((), (), None)


def test_a_suspension_keeps_facts_and_steps_and_its_start_and_end_are_announced() -> None:
    suspended = flag(FlagKind.SUSPENDED, day(2026, 12, 1), day(2027, 1, 15))
    claim = Scheduler(a_year(flags=[suspended])).at(day(2027, 2, 1))
    deadlines = [event.deadline for event in events(claim) if isinstance(event, DeadlineReached)]
    assert deadlines == [Deadline.EXPIRING, Deadline.FLAG_START, Deadline.FLAG_END]
    assert ("expired", None) in announced(claim)
    assert not any(event.notify for event in events(claim) if isinstance(event, DeadlineReached))


def test_a_flag_that_ends_at_another_instant_ends_again() -> None:
    scheduler = Scheduler(a_year(flags=[flag(FlagKind.SUSPENDED, day(2026, 2, 1), day(2026, 3, 1))]))
    scheduler.at(day(2026, 4, 1))
    scheduler.learn(a_year(version=2, flags=[flag(FlagKind.SUSPENDED, day(2026, 2, 1), day(2026, 5, 1))]))
    assert len(scheduler.at(day(2026, 5, 1)).events) == 1


def test_an_inactive_holder_gets_facts_and_no_steps() -> None:
    scheduler = Scheduler(a_year(), active=False)
    claim = scheduler.at(day(2027, 1, 2))
    assert announced(claim) == [("effective", None), ("deadline:expiring", 90), ("expired", None)]
    assert passed_over(claim) == dict.fromkeys((90, 60, 30, 7, 0), PassedOverReason.HOLDER_INACTIVE)


def test_reactivation_announces_the_strictest_reached_step_once() -> None:
    scheduler = Scheduler(a_year())
    scheduler.at(day(2026, 10, 4))  # step 90
    scheduler.holder(active=False)
    scheduler.at(day(2026, 12, 5))  # 60 and 30 passed over
    assert scheduler.due(day(2026, 12, 6)) == datetime(2026, 12, 23, 23, tzinfo=UTC)
    scheduler.holder(active=True)
    assert scheduler.due(day(2026, 12, 6)) == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert announced(scheduler.at(day(2026, 12, 6))) == [("expiring", 30)]
    assert scheduler.at(day(2026, 12, 6)).decisions == ()


def test_reactivation_does_not_repeat_what_was_announced() -> None:
    scheduler = Scheduler(a_year())
    scheduler.at(day(2026, 12, 5))  # 30 announced
    scheduler.holder(active=False)
    scheduler.holder(active=True)
    assert scheduler.at(day(2026, 12, 6)).decisions == ()


def test_a_credential_that_never_ends_announces_only_its_start() -> None:
    scheduler = Scheduler(credential(term("first", date(2026, 2, 1), None)))
    claim = scheduler.at(day(2026, 2, 1))
    assert announced(claim) == [("effective", None)]
    assert claim.due_at is None


def test_an_incomplete_credential_has_no_timers() -> None:
    state = a_year().model_copy(update={"runs": ()})
    assert next_due(Timer(state.id, state.holder_id, 1, plan_of(state)), END) is None


def test_a_day_that_the_zone_skipped_is_reached_with_the_next() -> None:
    entered = datetime(2010, 1, 1, tzinfo=UTC)
    apia = term("first", date(2011, 1, 1), date(2011, 12, 31), time_zone="Pacific/Apia", recorded_at=entered)
    state = credential(apia, created_at=entered, ladder=(1, 0))
    claim = Scheduler(state).at(datetime(2011, 12, 30, 10, tzinfo=UTC))
    assert passed_over(claim)[1] is PassedOverReason.STRICTER_STEP
    assert announced(claim)[-1] == ("expiring", 0)


def test_steps_beyond_the_calendar_are_not_planned() -> None:
    state = credential(term("first", date(1, 1, 10), date(9999, 12, 25)), ladder=(30, 0, -30))
    assert [step.step for step in plan_of(state).runs[0].steps] == [30, 0]
    ancient = credential(term("first", date(1, 1, 10), date(1, 1, 20)), ladder=())
    ancient = ancient.model_copy(update={"ladder": LADDER})
    assert [step.step for step in plan_of(ancient).runs[0].steps] == [7, 0, -7]


def test_a_step_after_the_next_run_has_begun_is_not_planned() -> None:
    first = term("first", date(2026, 1, 2), UNTIL)
    second = term("second", date(2027, 1, 4), date(2027, 12, 31))
    assert [step.step for step in plan_of(credential(first, second)).runs[0].steps] == [90, 60, 30, 7, 0]


def test_a_past_flag_that_came_with_the_entry_is_not_announced() -> None:
    past = flag(FlagKind.SURRENDERED, ENTERED - timedelta(days=400))
    claim = Scheduler(a_year(flags=[past])).at(ENTERED)
    assert claim.events == ()
    assert passed_over(claim) == {None: PassedOverReason.ENTERED_LATE}


def test_a_second_term_from_the_same_day_does_not_begin_the_run_again() -> None:
    first = term("first", date(2026, 1, 2), UNTIL)
    scheduler = Scheduler(credential(first))
    assert announced(scheduler.at(day(2026, 1, 2))) == [("effective", None)]
    longer = term("longer", date(2026, 1, 2), date(2027, 12, 31), recorded_at=day(2026, 1, 3))
    scheduler.learn(credential(longer, first, version=2))
    assert scheduler.at(day(2026, 1, 3)).decisions == ()


def test_days_left_count_from_the_day_of_the_decision_and_are_never_negative() -> None:
    claim = Scheduler(a_year()).at(END + timedelta(days=2))
    (expiring,) = [event for event in events(claim) if isinstance(event, CredentialExpiring)]
    assert (expiring.step, expiring.days_left) == (0, 0)


def test_steps_of_insurance_count_to_the_last_whole_day_and_expiry_comes_at_its_time():
    policy = credential(term("first", date(2026, 1, 2), UNTIL, ending=Ending(ExpiresAtRule.AT_TIME, "00:01")))
    scheduler = Scheduler(policy)
    scheduler.at(day(2026, 11, 1))
    end = datetime(2026, 12, 30, 23, 1, tzinfo=UTC)
    [last] = events(scheduler.at(datetime(2026, 12, 29, 23, tzinfo=UTC)))  # 00:00 of 30 December in Berlin
    assert isinstance(last, CredentialExpiring)
    assert (last.step, last.days_left, last.expires_on, last.expires_at) == (0, 0, UNTIL, end)
    assert scheduler.due(end) == end
    [expired] = events(scheduler.at(end))
    assert isinstance(expired, CredentialExpired)
    assert (expired.expires_on, expired.expires_at) == (UNTIL, end)
    [overdue] = events(scheduler.at(day(2027, 1, 6)))
    assert isinstance(overdue, CredentialOverdue)
    assert (overdue.step, overdue.days_since) == (-7, 7)


def test_nothing_is_overdue_on_the_part_of_the_printed_day_that_is_valid():
    noon = Ending(ExpiresAtRule.AT_TIME, "12:00")
    scheduler = Scheduler(credential(term("first", date(2026, 1, 2), UNTIL, ending=noon), ladder=(30, -1)))
    scheduler.at(day(2026, 12, 30))
    end = datetime(2026, 12, 31, 11, tzinfo=UTC)
    assert events(scheduler.at(end - timedelta(minutes=1))) == []
    assert [event.notify for event in events(scheduler.at(end)) if isinstance(event, CredentialOverdue)] == [
        True
    ]


def test_an_announcement_says_the_month_where_no_more_is_printed():
    scheduler = Scheduler(credential(term("first", date(2026, 1, 2), UNTIL, expires_on_month="2026-12")))
    [expired] = [each for each in events(scheduler.at(END)) if isinstance(each, CredentialExpired)]
    assert (expired.expires_on_month, expired.expires_at) == ("2026-12", END)
