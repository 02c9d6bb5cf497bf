"""What holds for every ladder, every history of terms and every way in which time goes on."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from licet_events import civil
from licet_events.credentials import CredentialState, FlagKind
from licet_events.reminders.decide import decide, next_due
from licet_events.reminders.model import Claim, Decision, Outcome, Timer
from licet_events.reminders.plan import Kind, plan_of
from support.scheduling.states import DAY, credential, flag, term

ENTRY = datetime(2026, 3, 1, tzinfo=UTC)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Africa/Cairo",  # clocks change at midnight
    "America/Havana",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Apia",
)
LADDERS = st.lists(st.integers(-40, 120), max_size=8).map(tuple)


@st.composite
def states(draw: st.DrawFn) -> CredentialState:
    """A credential with up to four terms that touch, overlap or leave gaps, entered at once."""
    zone = draw(st.sampled_from(ZONES))
    begin = date(2026, 1, 1) + draw(st.integers(0, 200)) * DAY
    terms = []
    for number in range(draw(st.integers(1, 4))):
        end = begin + draw(st.integers(0, 200)) * DAY
        terms.append(
            term(
                f"term {number}",
                begin,
                end,
                time_zone=zone,
                recorded_at=ENTRY,
                announce_reached=draw(st.booleans()),
            )
        )
        begin = end + draw(st.integers(0, 90)) * DAY
    flags = []
    if draw(st.booleans()):
        since = ENTRY + draw(st.integers(0, 400)) * DAY
        kind = draw(st.sampled_from(FlagKind))
        until = None if kind.final else since + draw(st.integers(1, 60)) * DAY
        flags.append(flag(kind, since, until))
    return credential(*terms, ladder=draw(LADDERS), flags=flags, created_at=ENTRY)


WALKS = st.lists(st.integers(0, 1500 * 24), min_size=1, max_size=12).map(
    lambda hours: [ENTRY + timedelta(hours=hour) for hour in sorted(hours)]
)


def timer(state: CredentialState) -> Timer:
    return Timer(state.id, state.holder_id, state.version, plan_of(state))


def walk(start: Timer, instants: list[datetime]) -> tuple[Timer, list[Claim]]:
    current, claims = start, []
    for now in instants:
        claim = decide(current, now)
        assert claim.due_at is None or claim.due_at > now
        current = replace(current, decided=current.decided + claim.decisions)
        assert claim.due_at == next_due(current, now)
        claims.append(claim)
    return current, claims


def by_instants(start: Timer, until: datetime) -> tuple[Timer, list[Claim]]:
    """Stop at every instant that is due, as a scheduler does that never was down."""
    current, claims = walk(start, [ENTRY])
    while (now := claims[-1].due_at) is not None and now <= until:
        current, more = walk(current, [now])
        claims += more
    return current, claims


def told_facts(decisions: tuple[Decision, ...]) -> set[UUID]:
    return {
        decision.id
        for decision in decisions
        if decision.identity.kind in {Kind.EFFECTIVE, Kind.EXPIRED} and decision.outcome is Outcome.ANNOUNCED
    }


@settings(deadline=None)
@given(states(), WALKS)
def test_every_instant_is_decided_exactly_once(state: CredentialState, instants: list[datetime]) -> None:
    end, claims = walk(timer(state), instants)
    identities = [decision.identity for decision in end.decided]
    assert len(set(identities)) == len(identities)
    ids = [event_id for claim in claims for event_id, _ in claim.events]
    assert len(set(ids)) == len(ids)
    for run in end.plan.runs:
        if run.until is None or instants[-1] < run.until:
            reached = [step for step in run.steps if step.due <= instants[-1]]
            assert {run.identity_of(step) for step in reached} <= set(identities)


@settings(deadline=None)
@given(states(), WALKS)
def test_one_jump_and_many_small_steps_announce_the_same_facts_under_the_same_ids(
    state: CredentialState, instants: list[datetime]
) -> None:
    stepwise, _ = walk(timer(state), instants)
    jump, _ = walk(timer(state), instants[-1:])
    exact, _ = by_instants(timer(state), instants[-1])
    facts = told_facts(jump.decided)
    assert told_facts(stepwise.decided) == facts
    assert told_facts(exact.decided) == facts


@settings(deadline=None)
@given(states(), WALKS)
def test_every_announcement_has_one_event_with_its_id_and_one_of_a_claim_notifies(
    state: CredentialState, instants: list[datetime]
) -> None:
    _, claims = walk(timer(state), instants)
    for claim in claims:
        announced = {d.id for d in claim.decisions if d.outcome is Outcome.ANNOUNCED}
        assert {event_id for event_id, _ in claim.events} == announced
        assert sum(event.notify for _, event in claim.events) <= 1
        assert [event.at for _, event in claim.events] == sorted(event.at for _, event in claim.events)


@settings(deadline=None)
@given(states(), WALKS)
def test_each_claim_announces_at_most_the_strictest_reached_step_of_each_run(
    state: CredentialState, instants: list[datetime]
) -> None:
    current = timer(state)
    for now in instants:
        claim = decide(current, now)
        for run in current.plan.runs:
            reached = [step.step for step in run.steps if step.due <= now]
            told = [
                d.identity.step
                for d in claim.decisions
                if d.announces_step and d.identity.term_id == run.term_id
            ]
            assert told in ([], reached[-1:])
        current = replace(current, decided=current.decided + claim.decisions)


@settings(deadline=None)
@given(states())
def test_a_scheduler_that_was_never_down_passes_over_nothing_after_entry(state: CredentialState) -> None:
    end, _ = by_instants(timer(state), ENTRY + 2000 * DAY)
    due = {run.identity_of(step): step for run in end.plan.runs for step in run.steps}
    at_once = Counter(step.due for step in due.values())
    for decision in end.decided:
        step = due.get(decision.identity)
        if step is not None and step.at == step.due > ENTRY and at_once[step.due] == 1:
            assert decision.outcome is Outcome.ANNOUNCED


@settings(deadline=None)
@given(states(), st.lists(st.tuples(st.integers(0, 1500), st.booleans()), min_size=1, max_size=10))
def test_a_step_is_announced_at_most_once_however_often_the_holder_comes_and_goes(
    state: CredentialState, changes: list[tuple[int, bool]]
) -> None:
    current = timer(state)
    ids: list[UUID] = []
    for days, active in sorted(changes):
        current = replace(current, holder_active=active)
        current, claims = walk(current, [ENTRY + days * DAY])
        ids += [event_id for claim in claims for event_id, _ in claim.events]
        if not active:
            assert not any(d.announces_step for claim in claims for d in claim.decisions)
    assert len(set(ids)) == len(ids)
    kept = {(decision.id, decision.outcome) for decision in current.decided}
    assert len(kept) == len(current.decided)


@settings(deadline=None)
@given(states(), st.lists(st.tuples(st.integers(0, 1500), LADDERS), min_size=1, max_size=8))
def test_whatever_the_ladder_no_step_is_announced_twice_or_after_a_stricter_one(
    state: CredentialState, changes: list[tuple[int, tuple[int, ...]]]
) -> None:
    current = timer(state)
    told: list[Decision] = []
    for version, (days, ladder) in enumerate(sorted(changes), start=2):
        before = current.decided
        changed = state.model_copy(update={"version": version, "ladder": ladder})
        current = replace(current, version=version, plan=plan_of(changed))
        current, claims = walk(current, [ENTRY + days * DAY])
        assert current.decided[: len(before)] == before
        told += [d for claim in claims for d in claim.decisions if d.announces_step]
    assert len({decision.id for decision in told}) == len(told)
    for term_id in {decision.identity.term_id for decision in told}:
        steps = [
            d.identity.step for d in told if d.identity.term_id == term_id and d.identity.step is not None
        ]
        assert steps == sorted(steps, reverse=True)


@given(st.sampled_from(ZONES), st.integers(0, 20_000), st.integers(-40, 120))
@settings(max_examples=300, deadline=None)
def test_a_step_is_reached_when_its_day_begins_in_the_zone(zone: str, days: int, step: int) -> None:
    expires_on = date(1990, 1, 1) + days * DAY
    state = credential(
        term("term", expires_on - 400 * DAY, expires_on, time_zone=zone, recorded_at=ENTRY), ladder=(step,)
    )
    (planned,) = plan_of(state).runs[0].steps
    wanted = expires_on - step * DAY
    assert civil.local_date(planned.at, zone) >= wanted
    assert civil.local_date(planned.at - timedelta(microseconds=1), zone) < wanted
