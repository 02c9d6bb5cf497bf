from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licet_chassis.consuming import Projection
from licet_events.credentials import ChangeCause
from licet_events.enrolments import (
    EnrolmentOpened,
    EnrolmentSnapshot,
    EnrolmentStage,
    EnrolmentStatus,
    EnrolmentUpdated,
)
from licet_events.notifications import NotificationReason, RecipientRole
from licet_notifier.consumers import notifier_consumer
from licet_notifier.enrolment_mails.model import LATE, Question, decide, notice_of
from licet_notifier.enrolment_mails.wording import wording
from licet_notifier.facts.model import EnrolmentFacts, EnrolmentMail, EnrolmentNotice, Renewal
from licet_notifier.mail.message import Content
from licet_notifier.notifications.model import Decision, Deployment
from licet_notifier.policy.documents import policy_of
from licet_notifier.templates.shipping import shipped_letter
from support.mailing.cases import DEPLOYMENT, HOLDER_ID, MORNING, event, holder, manager
from support.mailing.enrolments import (
    COURSE,
    DEADLINE,
    applied,
    approved,
    changed,
    completed,
    deadline_near,
    declined,
    enrolment_state,
    renewal_due,
    returned,
)

TERM_ID = UUID(int=7)
EXPIRES_ON, START_BY = date(2027, 7, 30), date(2027, 6, 20)
STAGES = {
    EnrolmentMail.APPLIED: EnrolmentStage.APPLIED,
    EnrolmentMail.DECLINED: EnrolmentStage.DECLINED,
    EnrolmentMail.COMPLETED: EnrolmentStage.COMPLETED,
    EnrolmentMail.WINDOW_OPEN: EnrolmentStage.COMPLETED,
}


def question(mail: EnrolmentMail, **changes: Any) -> Question:
    """A notice that applies, about Ada's enrolment in a programme on food safety."""
    certified = mail in {EnrolmentMail.COMPLETED, EnrolmentMail.WINDOW_OPEN}
    state = enrolment_state(
        HOLDER_ID, stage=STAGES.get(mail, EnrolmentStage.IN_PROGRESS), deadline_at=DEADLINE,
        status=EnrolmentStatus.ACTIVE if certified else EnrolmentStatus.IN_PROGRESS, renewal_due_for=TERM_ID,
    )  # fmt: skip
    facts = EnrolmentFacts(
        enrolment=state, programme="Food safety", begun_again=False, holder=holder(), manager=manager(),
        deciders=(manager(),), team=None, location=None, locations={}, later_notice_at=None,
    )  # fmt: skip
    renewal = Renewal(TERM_ID, EXPIRES_ON, "Europe/Berlin", START_BY, (("Exam", START_BY),))
    notice = EnrolmentNotice(
        event_id=UUID(int=9), event_name="licet.enrolment.status_changed.v1", mail=mail,
        enrolment_id=state.id, holder_id=HOLDER_ID, enrolment_version=1, at=MORNING,
        step=30 if mail is EnrolmentMail.DEADLINE_NEAR else None,
        renewal=renewal if mail is EnrolmentMail.WINDOW_OPEN else None, correlation_id="c", traceparent=None,
    )  # fmt: skip
    return Question(notice, replace(facts, **changes), DEPLOYMENT, MORNING)


def rendered(asked: Question, told: int = 0) -> Content:
    decisions = decide(asked)
    values = wording(asked, decisions, decisions[told])
    return shipped_letter(asked.notice.mail_name, "en").render(values)


def reasons(asked: Question) -> set[NotificationReason]:
    return {each.reason for each in decide(asked)}


@pytest.mark.parametrize("mail", EnrolmentMail)
@pytest.mark.parametrize("reachable", [True, False])
def test_a_mail_says_which_programme_whose_and_what_to_do(mail, reachable):
    asked = question(mail) if reachable else question(mail, holder=holder(email=None), deciders=())
    content = rendered(asked)
    assert "Food safety" in content.subject
    assert len(content.subject) < 100
    for part in (content.text, content.html):
        for fact in ("Ada Beispiel", "Food safety", "What to do:", str(asked.facts.enrolment.id)):
            assert fact in part
    assert "\n\n\n" not in content.text
    assert "\n\nTold of this: " in content.text
    assert ("fallback address, because" in content.text) != reachable
    if mail is not EnrolmentMail.APPLIED:
        assert ("Ada Beispiel" in content.subject) != reachable


def test_a_manager_reads_whose_work_is_to_be_done_by_when():
    near = rendered(question(EnrolmentMail.DEADLINE_NEAR), told=1)
    assert near.subject == "30 days left: complete Food safety (Ada Beispiel)"
    assert "see to it that Ada Beispiel completes what is listed above" in near.text
    opened = rendered(question(EnrolmentMail.WINDOW_OPEN), told=1)
    assert opened.subject == "Begin by Sunday, 20 June 2027: renewal of Food safety of Ada Beispiel"


def test_who_has_nothing_left_to_do_is_not_told_to_do_something():
    asked = question(EnrolmentMail.DEADLINE_NEAR)
    done = asked.facts.enrolment.model_copy(update={"components": (COURSE,)})
    content = rendered(replace(asked, facts=replace(asked.facts, enrolment=done)))
    assert "the work waits for a decision of staff" in content.text


def test_the_events_that_lead_to_mails_and_those_that_lead_to_none():
    state = enrolment_state(HOLDER_ID)
    application = applied(HOLDER_ID)
    done = completed(state).enrolment
    mails = {
        EnrolmentMail.APPLIED: application,
        EnrolmentMail.APPROVED: approved(application.enrolment),
        EnrolmentMail.DECLINED: declined(application.enrolment),
        EnrolmentMail.RETURNED: returned(state),
        EnrolmentMail.COMPLETED: completed(state),
        EnrolmentMail.WINDOW_OPEN: renewal_due(done, EXPIRES_ON, START_BY),
        EnrolmentMail.DEADLINE_NEAR: deadline_near(state),
    }
    for mail, data in mails.items():
        notice = notice_of(event(data))
        assert notice is not None
        assert notice.mail is mail
    expired = changed(done, EnrolmentStatus.EXPIRED, EnrolmentStage.COMPLETED, "expired")
    enrolled = EnrolmentOpened(enrolment=state, cause=ChangeCause.MANUAL, actor="user:boss")
    quiet = deadline_near(state).model_copy(update={"notify": False})
    over = deadline_near(state).model_copy(update={"instant": "deadline"})
    assert [notice_of(event(data)) for data in (expired, enrolled, quiet, over)] == [None] * 4


@pytest.mark.parametrize("mail", EnrolmentMail)
def test_what_is_older_than_a_week_is_history(mail):
    asked = question(mail)
    assert reasons(replace(asked, notice=replace(asked.notice, at=MORNING - LATE))) != {
        NotificationReason.REPEATED
    }
    late = replace(asked.notice, at=MORNING - LATE - timedelta(seconds=1))
    assert reasons(replace(asked, notice=late)) == {NotificationReason.REPEATED}


def test_a_supervisor_without_an_address_does_not_keep_an_application_from_the_fallback():
    asked = question(EnrolmentMail.APPLIED, deciders=(manager(email=None), manager(active=False)))
    (decision,) = decide(asked)
    assert (decision.role, decision.address) == (RecipientRole.FALLBACK, "fallback@example.org")
    nowhere = replace(asked, deployment=Deployment("UTC", None))
    assert reasons(nowhere) == {NotificationReason.NO_MANAGER}


def test_two_supervisors_are_two_recipients_and_one_address_gets_one_mail():
    twin = manager(id=UUID(int=8))
    decisions = decide(question(EnrolmentMail.APPLIED, deciders=(manager(), twin)))
    assert [(each.decider_id, each.reason) for each in decisions] == [
        (UUID(int=2), NotificationReason.DUE),
        (UUID(int=8), NotificationReason.SAME_ADDRESS),
    ]


@given(
    mail=st.sampled_from(EnrolmentMail),
    stage=st.sampled_from(EnrolmentStage),
    status=st.sampled_from(EnrolmentStatus),
    active=st.booleans(),
    hours=st.integers(0, 24 * 9),
    begun_again=st.booleans(),
)
@settings(deadline=None)
def test_nobody_is_told_of_what_no_longer_applies(mail, stage, status, active, hours, begun_again):
    asked = question(mail, begun_again=begun_again, holder=holder(active=active))
    state = asked.facts.enrolment.model_copy(update={"stage": stage, "status": status})
    now = MORNING + timedelta(hours=hours)
    decisions = decide(replace(asked, facts=replace(asked.facts, enrolment=state), now=now))
    due: list[Decision] = [each for each in decisions if each.due]
    for each in due:
        assert active
        assert timedelta(hours=hours) <= LATE
        assert each.not_before is not None
        assert each.not_before >= now
    if due and mail in STAGES and mail is not EnrolmentMail.WINDOW_OPEN:
        assert stage is STAGES[mail]
    if due and mail is EnrolmentMail.DEADLINE_NEAR:
        assert not stage.terminal
    if due and mail is EnrolmentMail.WINDOW_OPEN:
        assert not begun_again


def test_snapshots_and_updates_are_no_sources_of_mails():
    # Their handlers are projections: the consumer gives them to no effect.
    consumer = notifier_consumer(DEPLOYMENT)
    for kind in (EnrolmentSnapshot, EnrolmentUpdated):
        assert isinstance(consumer.handler_of(kind), Projection)


def test_a_rule_says_who_is_told_of_an_enrolment():
    rules = policy_of(
        {
            "rules": [
                {
                    "event": "enrolment.approved",
                    "type": "food",
                    "tell": ["holder", {"address": "desk@example.org"}],
                },
                {"event": "enrolment.applied", "tell": ["deciders", "manager"]},
                {"event": "enrolment.completed", "tell": []},
            ]
        },
        1,
    )  # fmt: skip

    def told(mail: EnrolmentMail) -> list[tuple[str | None, str | None, str]]:
        decisions = decide(replace(question(mail), policy=rules))
        return [(each.circle, each.address, each.reason.value) for each in decisions]

    assert told(EnrolmentMail.APPROVED) == [
        ("holder", "ada@example.org", "due"), ("address", "desk@example.org", "due"),
    ]  # fmt: skip
    assert told(EnrolmentMail.APPLIED) == [
        ("deciders", "max@example.org", "due"), ("manager", "max@example.org", "same_address"),
    ]  # fmt: skip
    assert told(EnrolmentMail.COMPLETED) == []
    assert [each[1] for each in told(EnrolmentMail.DECLINED)] == ["ada@example.org"]
