"""When the work is complete: groups, credits with caps, what is carried over, and which completions count."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from licet_certifications.completions.model import Completion, completion_id
from licet_certifications.enrolments.model import Change, Enrolment, Entry, TermReference
from licet_certifications.enrolments.opening import Applicant, open_enrolment
from licet_certifications.enrolments.reconsidering import Course, progress_of, reconsider
from licet_certifications.programmes.model import (
    Approvals,
    Approver,
    CompletionRule,
    Component,
    ComponentKind,
    CreditRule,
    Definition,
    Group,
    Recertification,
    Source,
    Version,
    VersionState,
)
from licet_events.completions import CompletionResult
from licet_events.credentials import Validity
from licet_events.enrolments import EnrolmentKind, EnrolmentStage, EnrolmentStatus, SurplusCredits

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOLDER, CREDENTIAL = UUID(int=2), UUID(int=3)


def component(code: str, **facts: Any) -> Component:
    return Component(
        code=code, name=code, kind=ComponentKind.COURSE, sources=(Source(source="lms", id=code),), **facts
    )


def passed(code: str, at: datetime, number: int = 1) -> Completion:
    return Completion(
        completion_id("lms", f"{code}{number}"), HOLDER, "lms", f"{code}{number}", code, at,
        CompletionResult.PASSED, None, (), at,
    )  # fmt: skip


def opened(
    definition: Definition,
    done: Sequence[Completion] = (),
    *,
    now: datetime = START,
    earlier: Sequence[Enrolment] = (),
    number: int = 1,
) -> Change:
    version = Version("p", 1, 1, VersionState.PUBLISHED, definition, created_at=START, updated_at=START)
    return open_enrolment(
        UUID(int=100 + number), version, Applicant(HOLDER, True, (), earlier), Course(definition, done),
        entry=Entry.STAFF, actor="user:ada", now=now,
    )  # fmt: skip


def certified(change: Change, expires_at: datetime, validity: Validity = Validity.ACTIVE) -> Enrolment:
    """Return a completed enrolment whose credential has come."""
    assert change.state.stage is EnrolmentStage.COMPLETED
    term = TermReference(
        id=UUID(int=9), expires_on=expires_at.date() - DAY, expires_at=expires_at, time_zone="UTC"
    )
    change = change.keep(term=term)
    status = {
        Validity.ACTIVE: EnrolmentStatus.ACTIVE,
        Validity.EXPIRED: EnrolmentStatus.EXPIRED,
        Validity.REVOKED: EnrolmentStatus.CANCELLED,
    }[validity]
    state = change.state.model_copy(
        update={
            "credential_id": CREDENTIAL, "validity": validity, "status": status,
            "window_opens_at": expires_at - 90 * DAY,
        }
    )  # fmt: skip
    return Enrolment(state, change.internals)


def missing(definition: Definition, codes: Iterable[str]) -> tuple[str, ...]:
    done = [passed(code, START + DAY) for code in codes]
    return progress_of(opened(definition).enrolment, Course(definition, done), START + 2 * DAY).missing


@pytest.mark.parametrize(
    ("codes", "lacks"),
    [
        ("", ("component:core", "group:electives")),
        ("a", ("component:core", "group:electives")),
        (("core", "a"), ("group:electives",)),
        (("core", "a", "c"), ()),
        (("a", "b", "c"), ("component:core",)),
    ],
)
def test_a_group_takes_k_of_its_components_and_the_required_ones_come_beside_it(codes, lacks):
    definition = Definition(
        components=(component("core"), *(component(code, required=False) for code in "abc")),
        completion=CompletionRule(groups=(Group(name="electives", k=2, components=("a", "b", "c")),)),
    )
    assert missing(definition, codes) == lacks


@pytest.mark.parametrize(
    ("codes", "lacks"),
    [
        (("s1", "s2"), ("credits",)),  # 16 of safety, of which 6 count
        (("s1", "l1"), ()),  # 6 + 5
        (("l1", "l2"), ("credits:safety",)),
        (("s1", "s2", "l1"), ()),
    ],
)
def test_beyond_its_cap_a_category_adds_nothing_to_the_total(codes, lacks):
    definition = Definition(
        components=(
            *(component(code, required=False, credits=8, category="safety") for code in ("s1", "s2")),
            *(component(code, required=False, credits=5, category="law") for code in ("l1", "l2")),
        ),
        completion=CompletionRule(
            credits=(CreditRule(minimum=10), CreditRule(category="safety", minimum=4, cap=6))
        ),
    )
    assert missing(definition, codes) == lacks


RENEWED_BY_CREDITS = Definition(
    credential_type="t",
    components=(component("a", required=False, credits=8), component("b", required=False, credits=5)),
    completion=CompletionRule(credits=(CreditRule(minimum=10),), carry_over_months=12),
    recertification=Recertification(window_days=90),
)


@pytest.mark.parametrize(("when", "carried"), [(date(2027, 1, 1), 3.0), (date(2027, 1, 2), 0.0)])
def test_surplus_credits_count_towards_the_next_recertification_for_the_months_stated(when, carried):
    first = opened(RENEWED_BY_CREDITS, [passed("a", START), passed("b", START)])
    assert first.state.surplus == (SurplusCredits(category=None, credits=3.0),)
    now = datetime(when.year, when.month, when.day, 12, tzinfo=UTC)
    expires_at = datetime(2027, 1, 10, tzinfo=UTC)
    renewal = opened(RENEWED_BY_CREDITS, now=now, earlier=[certified(first, expires_at)], number=2)
    assert renewal.state.kind is EnrolmentKind.RECERTIFICATION
    assert renewal.state.credits == carried
    done = reconsider(renewal, Course(RENEWED_BY_CREDITS, [passed("a", now, 2)]), now).state
    assert (done.stage is EnrolmentStage.COMPLETED) is (carried > 0)


def test_credits_that_were_carried_over_are_not_carried_over_again():
    first = opened(RENEWED_BY_CREDITS, [passed("a", START), passed("b", START)])
    now = START + 300 * DAY
    renewal = opened(
        RENEWED_BY_CREDITS, [passed("a", now, 2)], now=now,
        earlier=[certified(first, START + 365 * DAY)], number=2,
    )  # fmt: skip
    assert renewal.state.stage is EnrolmentStage.COMPLETED
    assert [each.credits for each in renewal.state.surplus] == [1.0]


SHORT_RENEWAL = Definition(
    credential_type="t",
    components=(component("a"), component("b")),
    recertification=Recertification(window_days=90, components=(component("r"),), full_path_after_days=200),
)


def lapsed(now: datetime) -> Change:
    first = opened(SHORT_RENEWAL, [passed("a", START), passed("b", START)])
    before = certified(first, START + 365 * DAY, Validity.EXPIRED)
    return opened(SHORT_RENEWAL, now=now, earlier=[before], number=2)


@pytest.mark.parametrize(
    ("days", "kind", "codes"),
    [(200, EnrolmentKind.RECERTIFICATION, ["r"]), (201, EnrolmentKind.FIRST, ["a", "b"])],
)
def test_a_lapse_longer_than_stated_leads_to_the_full_path(days, kind, codes):
    state = lapsed(START + (365 + days) * DAY).state
    assert state.kind is kind
    assert [each.code for each in state.components] == codes
    assert state.credential_id == CREDENTIAL


def test_a_recertification_under_way_becomes_the_full_path_when_the_lapse_grows_too_long():
    change = lapsed(START + 465 * DAY)
    assert change.state.kind is EnrolmentKind.RECERTIFICATION
    later = START + 566 * DAY
    state = reconsider(change, Course(SHORT_RENEWAL, [passed("r", later)]), later).state
    assert state.kind is EnrolmentKind.FIRST
    assert state.stage is EnrolmentStage.IN_PROGRESS
    assert [each.code for each in state.components] == ["a", "b"]


def test_what_was_completed_before_the_enrolment_counts_unless_the_version_says_otherwise():
    definition = Definition(components=(component("a"), component("b")))
    assert opened(definition, [passed("a", START - DAY)]).state.components[0].completed_at == START - DAY
    strict = definition.model_copy(update={"counts_before_enrolment": False})
    assert opened(strict, [passed("a", START - DAY)]).state.components[0].completed_at is None


def test_what_led_to_a_certification_that_was_revoked_does_not_lead_to_the_next():
    definition = Definition(
        credential_type="t", components=(component("a"),), approvals=Approvals(completion=None)
    )
    done = [passed("a", START - DAY)]
    revoked = certified(opened(definition, done), START + 365 * DAY, Validity.REVOKED)
    again = opened(definition, done, now=START + 2 * DAY, earlier=[revoked], number=2)
    assert again.state.kind is EnrolmentKind.FIRST
    assert again.state.stage is EnrolmentStage.IN_PROGRESS
    assert again.state.components[0].completed_at is None


def test_what_was_completed_for_an_application_that_was_declined_counts_for_the_next():
    definition = Definition(
        components=(component("a"), component("b")), approvals=Approvals(enrolment=Approver())
    )
    first = opened(definition, [passed("a", START)])
    declined = first.state.model_copy(
        update={"stage": EnrolmentStage.DECLINED, "status": EnrolmentStatus.DECLINED}
    )
    again = opened(
        definition, [passed("a", START)], now=START + DAY, earlier=[Enrolment(declined, first.internals)],
        number=2,
    )  # fmt: skip
    assert again.state.components[0].completed_at == START
