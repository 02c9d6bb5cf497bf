"""The values of the templates of mails about enrolments. Pure."""

from licet_events.civil import local_date, zone
from licet_events.enrolments import EnrolmentKind
from licet_notifier.enrolment_mails.model import Question, lacking
from licet_notifier.notifications.model import Decision, Decisions
from licet_notifier.notifications.wording import ENGLISH, Tongue, Wording, addressed, one_line
from licet_notifier.templates import languages


def wording(
    question: Question, decisions: Decisions, decision: Decision, tongue: Tongue = ENGLISH
) -> Wording:
    """Return the values for the mail of `decision`, one of `decisions`.

    Days and times are those of the recipient's zone; the end of a credential is a day of the credential's.
    """
    facts, notice, renewal = question.facts, question.notice, question.notice.renewal
    state, where = facts.enrolment, decision.time_zone
    deadline = state.deadline_at
    return {
        **addressed(facts, decisions, decision, tongue),
        "holder_name": one_line(facts.holder.name),
        "programme": one_line(facts.programme),
        "recertification": state.kind is EnrolmentKind.RECERTIFICATION,
        "enrolment_id": str(state.id),
        "happened_on": local_date(notice.at, where).isoformat(),
        "happened_on_words": tongue.day(local_date(notice.at, where)),
        "lacking": tuple(one_line(name) for name in lacking(question)),
        "awards": state.award is not None,
        "approvals": state.waits_for.people if state.waits_for is not None else 1,
        "deadline_on": None if deadline is None else local_date(deadline, where).isoformat(),
        "deadline_words": None
        if deadline is None
        else tongue.say(
            "deadline",
            day=tongue.day(local_date(deadline, where)),
            time=languages.time_in_words(deadline.astimezone(zone(where)), tongue.locale),
            zone=where,
        ),
        "days_left": 0
        if deadline is None
        else (local_date(deadline, where) - local_date(question.now, where)).days,
        "expires_on": None if renewal is None else renewal.expires_on.isoformat(),
        "expires_on_words": None if renewal is None else tongue.end(renewal.end),
        "time_zone": where if renewal is None else renewal.time_zone,
        "start_by": None if renewal is None else renewal.start_by.isoformat(),
        "start_by_words": None if renewal is None else tongue.day(renewal.start_by),
        "start_days": 0
        if renewal is None
        else (renewal.start_by - local_date(question.now, renewal.time_zone)).days,
        "to_do": ()
        if renewal is None
        else tuple(
            tongue.say("start_by", component=one_line(name), day=tongue.day(start_by))
            for name, start_by in renewal.components
        ),
    }
