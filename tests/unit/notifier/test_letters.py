import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from licet_events.civil import Ending, ExpiresAtRule
from licet_events.notifications import NotificationReason
from licet_events.schedule import CredentialExpired, CredentialExpiring, CredentialOverdue, ScheduleEvent
from licet_notifier.facts.mails import EVENTS as SHIPPED
from licet_notifier.facts.model import EnrolmentMail, Facts
from licet_notifier.mail.message import Content
from licet_notifier.notifications.deciding import decide
from licet_notifier.notifications.wording import Tongue, wording
from licet_notifier.templates.filters import MOST_SECONDS
from licet_notifier.templates.model import Conditions, Variant
from licet_notifier.templates.rendering import Letter, TemplateFailed
from licet_notifier.templates.shipping import shipped_letter, shipped_version
from support.mailing.cases import DEPLOYMENT, MORNING, credential, facts, holder, manager, notice, run

EVENTS: dict[type[ScheduleEvent], tuple[int | None, datetime]] = {
    CredentialExpiring: (30, MORNING),
    CredentialExpired: (None, MORNING + timedelta(days=31)),
    CredentialOverdue: (-7, MORNING + timedelta(days=37)),
}


def rendered(
    event: type[ScheduleEvent], known: Facts | None = None, *, told: int = 0, now: datetime | None = None
) -> Content:
    step, usual = EVENTS[event]
    known = known or facts()
    asked = notice(event_name=event.event_type, step=step)
    decisions = decide(asked, known, DEPLOYMENT, now or usual)
    values = wording(asked, known, decisions, decisions[told], now or usual)
    return shipped_letter(asked.mail_name, "en").render(values)


def test_every_event_that_somebody_is_told_of_has_a_template():
    of_credentials = {event.event_type.removeprefix("licet.").removesuffix(".v1") for event in EVENTS}
    of_enrolments = {f"enrolment.{mail}" for mail in EnrolmentMail}
    assert set(SHIPPED) == of_credentials | of_enrolments | {
        "credential.escalated",
        "shift.at_risk",
        "digest",
    }


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("told", [0, 1])
def test_a_mail_says_which_credential_whose_until_when_and_what_to_do(event, told):
    content = rendered(event, told=told)
    assert "Forklift licence" in content.subject
    for part in (content.text, content.html):
        for fact in ("Ada Beispiel", "Forklift licence", "FL-4711", "Wednesday, 30 June 2027", "What to do"):
            assert fact in part
        assert "Ada Beispiel (holder), Max Leiter (manager)" in part
    assert ("your Forklift licence" in content.text) == (told == 0)
    assert content.html.startswith("<!DOCTYPE html>")
    assert "\n\n\n" not in content.text


def test_days_are_counted_from_when_the_mail_leaves():
    assert "Ends in 30 days: " in rendered(CredentialExpiring).subject
    assert "Days left:    29" in rendered(CredentialExpiring, now=MORNING + timedelta(days=1)).text
    assert rendered(CredentialExpiring, now=MORNING + timedelta(days=29)).subject.startswith("Ends tomorrow")
    last_day = rendered(CredentialExpiring, now=MORNING + timedelta(days=30))
    assert last_day.subject.startswith("Last valid day today")
    assert "is valid today for the last time" in last_day.text
    assert "expired 7 days ago" in rendered(CredentialOverdue).text


def test_a_mail_to_the_fallback_says_why_it_comes_there():
    left = rendered(CredentialExpiring, facts(manager=manager(active=False)), told=1)
    assert "because Max Leiter, the manager of Ada Beispiel, has left." in left.text
    assert left.text.startswith("Good day,")
    no_address = rendered(CredentialExpiring, facts(holder=holder(email=None)))
    assert "because Ada Beispiel has no usable e-mail address." in no_address.html


def test_what_others_entered_is_text_in_html_and_one_line_in_the_subject():
    hostile = "<script>alert(1)</script>\r\nBcc: x@y.org {{ 7 * 7 }}"
    known = facts(credential=credential(name=hostile, number=hostile), holder=holder(name=hostile))
    content = rendered(CredentialExpiring, known)
    assert "<script>" not in content.html
    assert "&lt;script&gt;" in content.html
    assert "\n" not in content.subject
    assert "49" not in content.text.replace("FL-4711", "")


def test_a_missing_value_fails_the_template_and_shows_nothing_of_the_others():
    with pytest.raises(TemplateFailed) as caught:
        shipped_letter("credential.expired", "en").render({"holder_name": "Ada"})
    assert "Ada" not in str(caught.value)


def letter(body: str) -> Letter:
    return Letter("x", "1", "en", Variant(Conditions(), "x", body, "x"))


@pytest.mark.parametrize(
    "escape",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ name.__init__.__globals__ }}",
        "{{ self._TemplateReference__context }}{{ x.y.z }}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ '%c' | format(0) | attr('__class__') | attr('__mro__') | list | attr('x') }}",
        "{{ range(99999999) | list }}",
        "{% for i in told %}{{ told.append(1) }}{% endfor %}",
        "{{ name.format.__self__.__class__ }}",
        "{{ 'x' * 999999999 }}",
        "{{ '%999999999d' % 5 }}",
        "{{ 9 ** 999999999 }}",
        "{{ name | plural(one='x') }}",
    ],
)
def test_a_template_has_no_way_out_of_what_it_is_given(escape):
    with pytest.raises(TemplateFailed):
        letter(escape).render({"name": "Ada", "told": ("a", "b")})


@pytest.mark.parametrize(
    "body",
    [
        "{% for a in s %}{% for b in s %}{% for c in s %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in s %}{% for b in s %}{{ a }}{{ b }}{% endfor %}{% endfor %}",
        "{{ s | join(s | join(s | join(s | join(s | join('x'))))) }}",
    ],
    ids=["time", "output", "a filter"],
)
def test_a_text_that_takes_too_long_or_grows_too_long_is_stopped(body):
    began = time.process_time()
    with pytest.raises(TemplateFailed, match=r"CPU time|characters"):
        letter(body).render({"s": ("x" * 20,) * 2000})
    assert time.process_time() - began < 10 * MOST_SECONDS


def test_the_version_names_the_texts():
    assert shipped_version("credential.expired") != shipped_version("credential.expiring")
    assert letter("x").label == "1/any"


INSURANCE = Ending(ExpiresAtRule.AT_TIME, "00:01")


@pytest.mark.parametrize(
    ("printed", "language", "until"),
    [
        ({}, "en", "Wednesday, 30 June 2027"),
        ({"ending": Ending(ExpiresAtRule.START_OF_DAY)}, "en", "Tuesday, 29 June 2027"),
        ({"ending": INSURANCE}, "en", "Wednesday, 30 June 2027, 00:01"),
        ({"ending": INSURANCE}, "de-AT", "Mittwoch, 30. Juni 2027, 00:01"),
        ({"expires_on_month": "2027-06"}, "en", "June 2027"),
        ({"expires_on_month": "2027-06"}, "de", "Juni 2027"),
        ({"expires_on_month": "2027-06"}, "pl", "czerwiec 2027"),
    ],
)
def test_a_mail_shows_the_end_as_its_document_prints_it(printed: dict[str, Any], language: str, until: str):
    known = facts(credential=credential(runs=(run(**printed),)))
    asked = notice()
    decisions = decide(asked, known, DEPLOYMENT, MORNING)
    values = wording(asked, known, decisions, decisions[0], MORNING, Tongue.of(language))
    assert values["expires_on_words"] == until


def test_days_are_counted_to_the_last_whole_day_and_a_reminder_does_not_outlive_it():
    insured = facts(credential=credential(runs=(run(ending=INSURANCE),)))
    asked = notice(event_name=CredentialExpiring.event_type, step=0)
    for days, left in ((28, 1), (29, 0)):
        now = MORNING + timedelta(days=days)
        decisions = decide(asked, insured, DEPLOYMENT, now)
        assert all(decision.due for decision in decisions)
        assert wording(asked, insured, decisions, decisions[0], now)["days_left"] == left
    too_late = decide(asked, insured, DEPLOYMENT, MORNING + timedelta(days=30))
    assert {decision.reason for decision in too_late} == {NotificationReason.SUPERSEDED}
