"""The variables of the templates of mails about enrolments."""

from licet_events.civil import local_date, zone
from licet_events.enrolments import EnrolmentKind
from licet_events.notifications import RecipientRole
from licet_notifier.enrolment_mails.model import Question, lacking
from licet_notifier.notifications.model import Decision, Decisions
from licet_notifier.notifications.wording import Wording, detour_in_words, in_words, one_line, told_in_words


def wording(question: Question, decisions: Decisions, decision: Decision) -> Wording:
    """Return the values for the mail of `decision`, one of `decisions`.

    Days and times are those of the recipient's zone; the end of a credential is a day of the credential's.
    """
    facts, notice, renewal = question.facts, question.notice, question.notice.renewal
    state, where = facts.enrolment, decision.time_zone
    deadline = state.deadline_at
    return {
        "recipient_name": one_line(decision.name) if decision.name and decision.detour is None else None,
        "to_holder": decision.role is RecipientRole.HOLDER,
        "holder_name": one_line(facts.holder.name),
        "programme": one_line(facts.programme),
        "recertification": state.kind is EnrolmentKind.RECERTIFICATION,
        "enrolment_id": str(state.id),
        "happened_on_words": in_words(local_date(notice.at, where)),
        "lacking": tuple(one_line(name) for name in lacking(question)),
        "awards": state.award is not None,
        "approvals": state.waits_for.people if state.waits_for is not None else 1,
        "deadline_words": None
        if deadline is None
        else f"{in_words(local_date(deadline, where))}, {deadline.astimezone(zone(where)):%H:%M} ({where})",
        "days_left": 0
        if deadline is None
        else (local_date(deadline, where) - local_date(question.now, where)).days,
        "expires_on_words": None if renewal is None else in_words(renewal.expires_on),
        "time_zone": where if renewal is None else renewal.time_zone,
        "start_by_words": None if renewal is None else in_words(renewal.start_by),
        "start_days": 0
        if renewal is None
        else (renewal.start_by - local_date(question.now, renewal.time_zone)).days,
        "to_do": ()
        if renewal is None
        else tuple(
            f"{one_line(name)}: start by {in_words(start_by)}" for name, start_by in renewal.components
        ),
        "told": tuple(told_in_words(each) for each in decisions if each.due),
        "detour": detour_in_words(facts, decision),
    }
