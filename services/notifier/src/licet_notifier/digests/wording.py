"""The values of a digest's template. Pure."""

from collections.abc import Sequence
from datetime import datetime

from licet_events.civil import local_date
from licet_notifier.notifications.commands import Ready
from licet_notifier.notifications.wording import Tongue, Wording, addressed, one_line


def digest_wording(told: Sequence[Ready], now: datetime, tongue: Tongue) -> Wording:
    """Return the values for the digest that tells of these mails, all to one recipient."""
    first = told[0]
    return {
        **addressed(first.facts, (first.decision,), first.decision, tongue),
        "count": len(told),
        "lines": tuple(_line(each, now, tongue) for each in told),
    }


def _line(each: Ready, now: datetime, tongue: Tongue) -> str:
    notice, credential = each.mail.notice, each.facts.credential
    end = credential.end_of(notice)
    days = (end.last_day - local_date(now, notice.time_zone)).days
    type_name = one_line(each.facts.credential_type or credential.type)
    name = one_line(credential.name) or type_name
    number = f" {one_line(credential.number)}" if credential.number else ""
    return tongue.say(
        "digest_ends" if days >= 0 else "digest_ended",
        credential=f"{name}{number}",
        holder=one_line(each.facts.holder.name),
        day=tongue.end(end),
    )
