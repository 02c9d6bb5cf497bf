"""The values of a digest's template. Pure."""

from collections.abc import Sequence
from datetime import datetime

from licet_events.civil import local_date
from licet_notifier.facts.model import Facts, Notice
from licet_notifier.notifications.model import Decision
from licet_notifier.notifications.wording import Tongue, Wording, addressed, one_line


def digest_wording(
    told: Sequence[tuple[Notice, Facts]], first: Facts, decision: Decision, now: datetime, tongue: Tongue
) -> Wording:
    """Return the values for the digest that tells of these notices, all to one recipient.

    `first` are the facts about the notice that the recipient's decision is about.
    """
    return {
        **addressed(first, (decision,), decision, tongue),
        "count": len(told),
        "lines": tuple(_line(notice, facts, now, tongue) for notice, facts in told),
    }


def _line(notice: Notice, facts: Facts, now: datetime, tongue: Tongue) -> str:
    credential = facts.credential
    end = credential.end_of(notice)
    days = (end.last_day - local_date(now, notice.time_zone)).days
    type_name = one_line(facts.credential_type or credential.type)
    name = one_line(credential.name) or type_name
    number = f" {one_line(credential.number)}" if credential.number else ""
    return tongue.say(
        "digest_ends" if days >= 0 else "digest_ended",
        credential=f"{name}{number}",
        holder=one_line(facts.holder.name),
        day=tongue.end(end),
    )
