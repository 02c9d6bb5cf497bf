"""Which mails are gathered in a digest, and in which. Pure."""

from dataclasses import replace
from datetime import datetime

from licet_events.notifications import RecipientRole
from licet_notifier.facts.model import Notice
from licet_notifier.notifications.model import Decision, Decisions, digest_id
from licet_notifier.restraint.calendar import Calendar


def gather(notice: Notice, decisions: Decisions, calendar: Calendar, now: datetime) -> Decisions:
    """Put those into digests that the rules gather; what is urgent, and escalations, leave alone."""
    return tuple(_gathered(notice, each, calendar, now) for each in decisions)


def _gathered(notice: Notice, decision: Decision, calendar: Calendar, now: datetime) -> Decision:
    rules = calendar.rules
    if not decision.due or decision.after_days or rules.is_urgent(notice.step):
        return decision
    rule = rules.digest_for(decision.reading.value)
    if rule is None:
        return decision
    return into_digest(decision, calendar.digest_at(rule, decision.not_before or now, decision.place))


def into_digest(decision: Decision, at: datetime) -> Decision:
    """Return the decision to tell somebody in the digest that leaves at an instant."""
    return replace(decision, not_before=at, digest_id=digest_id(decision, at))


def beyond_cap(
    notice: Notice, decision: Decision, calendar: Calendar, before: int, now: datetime
) -> Decision:
    """Return the decision about a mail that would leave alone after `before` others to a person that day.

    Beyond the cap it goes into a digest that leaves an hour before the day's quiet hours, or waits for the
    next day where that has passed. An address that is nobody's own has no cap.
    """
    rules = calendar.rules
    free = rules.daily_cap is None or before < rules.daily_cap
    if free or not has_cap(decision) or decision.after_days or rules.is_urgent(notice.step):
        return decision
    at = calendar.collected_at(now, decision.place)
    if at is not None:
        return into_digest(decision, at)
    return replace(decision, not_before=calendar.next_day(now, decision.place))


def has_cap(decision: Decision) -> bool:
    """Tell whether the recipient is a person, whose mails of a day are counted."""
    return decision.recipient_id is not None and decision.role is not RecipientRole.FALLBACK
