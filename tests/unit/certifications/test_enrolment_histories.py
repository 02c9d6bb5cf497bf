"""Random histories of an enrolment: commands, late and repeated reports, and time.

Whatever happens, in whatever order, it has one of the ten statuses, each change is in the table and told once
and in the events, from which anybody knows the status.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licet_certifications.completions.model import Completion, completion_id
from licet_certifications.enrolments import deciding
from licet_certifications.enrolments.following import News, follow, settle
from licet_certifications.enrolments.model import Change, Entry, ImpossibleTransition, project
from licet_certifications.enrolments.opening import Applicant, open_enrolment
from licet_certifications.enrolments.reconsidering import Course, reconsider
from licet_certifications.enrolments.transitions import Command, Trigger, allows
from licet_certifications.programmes.model import (
    Approvals,
    Approver,
    Component,
    ComponentKind,
    Deadline,
    Definition,
    Recertification,
    Source,
    Version,
    VersionState,
)
from licet_chassis.errors import Refused
from licet_events.catalogue import Category
from licet_events.completions import CompletionResult
from licet_events.credentials import (
    ChangeCause,
    CredentialState,
    Expiry,
    FlagKind,
    FlagState,
    RunState,
    TermState,
    Validity,
)
from licet_events.enrolments import (
    AwardState,
    CertificationAwarded,
    ComponentStatus,
    EnrolmentStage,
    EnrolmentStatus,
    EnrolmentStatusChanged,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
EID, HOLDER, CREDENTIAL = UUID(int=1), UUID(int=2), UUID(int=3)
PEOPLE = ("user:ada", "user:grace", "user:hedy")
CODES = ("a", "b", "c")


def component(code: str, **facts: Any) -> Component:
    return Component(
        code=code, name=code, kind=ComponentKind.COURSE, sources=(Source(source="lms", id=code),), **facts
    )


approvers = st.sampled_from([None, Approver(), Approver(two_people=True)])
definitions = st.builds(
    lambda first, second, third, approvals, deadline: Definition(
        credential_type="t", components=(first, second, third), approvals=approvals, deadline=deadline,
        recertification=Recertification(window_days=30), counts_before_enrolment=True,
    ),
    st.builds(component, st.just("a")),
    st.builds(
        component, st.just("b"), prerequisites=st.sampled_from([(), ("a",)]), approval=st.booleans(),
        evidence=st.booleans(),
    ),
    st.builds(component, st.just("c"), required=st.booleans(), counts_for_days=st.sampled_from([None, 20])),
    st.builds(Approvals, enrolment=approvers, components=approvers, completion=approvers),
    st.sampled_from([None, Deadline(days=40, then="not_completed"), Deadline(days=40)]),
)  # fmt: skip

reports = st.builds(
    lambda number, code, day, result, evidence: Completion(
        id=completion_id("lms", str(number)), holder_id=HOLDER, source="lms", source_id=str(number),
        course=code, completed_at=START + day * DAY, result=result, credits=None, evidence=evidence,
        recorded_at=START,
    ),
    st.integers(0, 8), st.sampled_from(CODES), st.integers(-5, 90), st.sampled_from(CompletionResult),
    st.sampled_from([(), ("sha256:1",)]),
)  # fmt: skip

steps = st.one_of(
    st.tuples(st.just("report"), reports),
    st.tuples(st.just("pass"), st.sampled_from(CODES)),
    st.tuples(st.just("command"), st.sampled_from(Command), st.sampled_from(PEOPLE)),
    st.tuples(st.just("component"), st.sampled_from(CODES), st.booleans()),
    st.tuples(st.just("time"), st.sampled_from([1, 19, 20, 21, 40, 60])),
    st.tuples(st.just("credential"), st.sampled_from(["issue", "renew", *FlagKind, "reinstate", "unknown"])),
    st.tuples(st.just("again")),
    st.tuples(st.just("finish")),
    st.tuples(st.just("fail"), st.sampled_from(CODES)),
)

beginnings = st.sampled_from([[], [("finish",)], [("finish",), ("credential", "issue")]])
"""Most random histories never come to a certification, so some begin there."""


class History:
    """An enrolment with the world around it, as far as it matters."""

    def __init__(self, definition: Definition, entry: Entry) -> None:
        self.definition, self.now = definition, START
        self.completions: dict[UUID, Completion] = {}
        self.credential: CredentialState | None = None
        self.version = 0
        version = Version("p", 1, 1, VersionState.PUBLISHED, definition, created_at=START, updated_at=START)
        self.change = open_enrolment(
            EID, version, Applicant(HOLDER, True, (), ()), self.course, entry=entry, actor=PEOPLE[0],
            now=START,
        )  # fmt: skip

    @property
    def course(self) -> Course:
        return Course(self.definition, sorted(self.completions.values(), key=lambda each: each.order))

    def run(self, act: Callable[[Change], Change]) -> bool:
        """Do what a command does, after settling; returns whether it was not refused."""
        try:
            self.change = act(settle(self.change, self.now))
        except Refused:
            return False
        return True

    def step(self, what: str, *details: Any) -> None:
        getattr(self, f"do_{what}")(*details)

    def do_report(self, completion: Completion) -> None:
        self.completions.setdefault(
            completion.id,
            Completion(
                **{
                    name: getattr(completion, name)
                    for name in Completion.__dataclass_fields__
                    if name != "recorded_at"
                },
                recorded_at=self.now,
            ),
        )
        self.do_again()

    def do_pass(self, code: str, result: CompletionResult = CompletionResult.PASSED) -> None:
        number = len(self.completions) + 100
        self.completions[UUID(int=number)] = Completion(
            UUID(int=number), HOLDER, "lms", str(number), code, self.now, result, None,
            ("sha256:2",), self.now,
        )  # fmt: skip
        self.do_again()

    def do_finish(self) -> None:
        """Do all that is to be done, and have everybody approve it."""
        for person in PEOPLE:
            self._approve(person)
        for code in CODES:
            self.do_pass(code)
            self.do_component(code, approve=True)
            self._approve_component(code, PEOPLE[2])
        for person in PEOPLE:
            self._approve(person)

    def _approve(self, actor: str) -> None:
        self.run(lambda change: deciding.approve(change, self.course, actor=actor, now=self.now))

    def _approve_component(self, code: str, actor: str) -> None:
        self.run(lambda c: deciding.approve_component(c, self.course, code, actor=actor, now=self.now))

    def do_fail(self, code: str) -> None:
        self.do_pass(code, CompletionResult.FAILED)

    def do_again(self) -> None:
        self.run(lambda change: reconsider(change, self.course, self.now))
        before = self.change
        self.run(lambda change: reconsider(change, self.course, self.now))
        assert self.change == before

    def do_command(self, command: Command, actor: str) -> None:
        acts: dict[Command, Callable[[Change], Change]] = {
            Command.APPROVE: lambda c: deciding.approve(c, self.course, actor=actor, now=self.now),
            Command.DENY: lambda c: deciding.deny(c, actor=actor, now=self.now, note="x"),
            Command.RETURN: lambda c: deciding.return_work(
                c, self.course, ("a",), actor=actor, now=self.now, note="x"
            ),
            Command.NOT_COMPLETE: lambda c: deciding.end_not_completed(
                c, actor=actor, now=self.now, note="x"
            ),
            Command.INACTIVATE: lambda c: deciding.inactivate(c, actor=actor, now=self.now, note="x"),
            Command.RESUME: lambda c: deciding.resume(c, self.course, actor=actor, now=self.now, note="x"),
            Command.CANCEL: lambda c: deciding.cancel(c, actor=actor, now=self.now, note="x"),
        }
        expected = command in settle(self.change, self.now).enrolment.commands
        assert self.run(acts[command]) == expected

    def do_component(self, code: str, approve: bool) -> None:
        if approve:
            self._approve_component(code, PEOPLE[1])
            return
        self.run(
            lambda c: deciding.refuse_component(c, self.course, code, actor=PEOPLE[1], now=self.now, note="x")
        )

    def do_time(self, days: int) -> None:
        self.now += days * DAY
        at = self.change.state.deadline_at
        if at is not None and at <= self.now:
            self.run(lambda change: deciding.deadline(change, self.course, at, self.now))

    def do_credential(self, what: str) -> None:
        award = self.change.state.award
        if award is None:
            return
        credential = self.credential or self._issued(award)
        runs, flags = credential.runs, credential.flags
        if what == "renew" and runs:
            last = runs[-1]
            assert last.expires_at is not None
            end = max(last.expires_at, self.now) + 60 * DAY
            runs = (last.model_copy(update={"expires_at": end, "expiring_at": end - 20 * DAY}),)
        elif what == "unknown":
            runs = ()
        elif what == "reinstate":
            flags = ()
        elif what in set(FlagKind):
            flag = FlagState(id=EID, kind=FlagKind(what), effective_from=self.now, reason="x")
            flags = (*flags, flag)
        self.version += 1
        self.credential = credential.model_copy(
            update={"runs": runs, "flags": flags, "version": self.version}
        )
        news = News(self.credential, self.now)
        for _ in range(2):
            self.change = follow(self.change, self.definition, news, self.now)

    def _issued(self, award: AwardState) -> CredentialState:
        end = self.now + 60 * DAY
        term = TermState(
            id=UUID(int=9), revision=1, expiry=Expiry.DATED, time_zone="UTC", starts_at=self.now,
            recorded_at=self.now, award_id=award.id,
        )  # fmt: skip
        run = RunState(
            starts_at=self.now, expiring_at=end - 20 * DAY, expires_at=end, expires_on=end.date() - DAY,
            time_zone="UTC", term_id=term.id, term_revision=1,
        )  # fmt: skip
        return CredentialState(
            id=CREDENTIAL, version=0, holder_id=HOLDER, type="t", category=Category.OTHER, name="t",
            terms=(term,), runs=(run,), ladder=(), validity=Validity.ACTIVE, created_at=self.now,
            updated_at=self.now,
        )  # fmt: skip


def test_the_last_result_of_a_component_rules_whenever_it_arrives() -> None:
    history = History(
        Definition(components=(component("a"), component("b")), counts_before_enrolment=True), Entry.STAFF
    )
    for number, day, result in ((1, 5, "passed"), (2, 3, "failed"), (3, 4, "passed")):
        history.do_report(
            Completion(
                UUID(int=number), HOLDER, "lms", str(number), "a", START + day * DAY,
                CompletionResult(result), None, (), START,
            )
        )  # fmt: skip
        assert history.change.state.components[0].completion_id == UUID(int=1)
        assert history.change.state.components[0].status is ComponentStatus.COMPLETED


@settings(max_examples=300, deadline=None)
@given(definitions, st.sampled_from(Entry), beginnings, st.lists(steps, max_size=25))
def test_every_history_goes_by_the_table_and_is_told_once(
    definition: Definition,
    entry: Entry,
    beginning: list[tuple[Any, ...]],
    doings: list[tuple[Any, ...]],
) -> None:
    history = History(definition, entry)
    for what, *details in [*beginning, *doings]:
        history.step(what, *details)
        state = history.change.state
        assert state.status is project(state.stage, state.validity)
        assert settle(history.change, history.now).state.status is history.change.enrolment.at(history.now)[0]
    told = [each.event for each in history.change.told]
    status: EnrolmentStatus = told[0].enrolment.status
    for event in told:
        if isinstance(event, EnrolmentStatusChanged):
            assert event.from_ is status
            assert event.to is not status
            assert allows(event.from_, event.to, Trigger(event.reason), event.cause)
            status = event.to
        assert event.enrolment.status is status
    assert status is history.change.state.status
    assert [event.sequence for event in told] == list(range(1, len(told) + 1))
    awards = [event.award for event in told if isinstance(event, CertificationAwarded)]
    assert [award.id for award in awards] == [AwardState.id_of(EID)] * len(awards)
    assert len(awards) <= 1


@settings(max_examples=200, deadline=None)
@given(
    st.lists(reports, max_size=8, unique_by=lambda each: each.id),
    st.randoms(use_true_random=False),
)
def test_the_order_in_which_results_arrive_and_their_repetition_change_nothing(
    told: list[Completion], random: Any
) -> None:
    definition = Definition(
        credential_type="t", counts_before_enrolment=True,
        components=(component("a"), component("b", prerequisites=("a",)), component("c")),
        approvals=Approvals(completion=Approver()),
    )  # fmt: skip
    ends = []
    for order in (told, random.sample(told, len(told)), [*told, *told]):
        history = History(definition, Entry.STAFF)
        for completion in order:
            history.do_report(completion)
        state = history.change.state
        ends.append((state.status, state.components, state.credits))
    assert ends[0] == ends[1] == ends[2]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 200), max_size=5))
def test_settling_at_any_instants_between_announces_the_same_changes(days: list[int]) -> None:
    def settled(instants: list[datetime]) -> list[tuple[EnrolmentStatus, datetime]]:
        history = History(Definition(credential_type="t", components=(component("a"),)), Entry.STAFF)
        history.do_pass("a")
        history.do_credential("issue")
        change = history.change
        for instant in instants:
            change = settle(change, instant)
        return [
            (each.event.to, each.event.effective_at)
            for each in change.told
            if isinstance(each.event, EnrolmentStatusChanged)
        ]

    last = START + 200 * DAY
    told = settled([*sorted(START + day * DAY for day in days), last])
    assert told == settled([last])
    assert settled([told[1][1]]) == told[:2], "a change is announced at its very instant"
    assert [status.value for status, _ in told] == ["active", "expiring", "expired"]


def test_a_change_that_the_table_does_not_have_is_a_fault_and_writes_nothing() -> None:
    history = History(Definition(components=(component("a"),)), Entry.STAFF)
    with pytest.raises(ImpossibleTransition):
        history.change.turn(
            Trigger.APPROVED, ChangeCause.MANUAL, "user:ada", START, stage=EnrolmentStage.DECLINED
        )
