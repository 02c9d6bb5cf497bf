"""The variables of a mail's template: plain texts and numbers, no objects with attributes to follow."""

from collections.abc import Mapping
from datetime import date, datetime

from licet_events.civil import local_date
from licet_events.notifications import RecipientRole
from licet_notifier.facts.model import EnrolmentFacts, Facts, Notice
from licet_notifier.notifications.model import Decision, Decisions, Detour

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_ROLES = {
    RecipientRole.HOLDER: "holder",
    RecipientRole.MANAGER: "manager",
    RecipientRole.FALLBACK: "fallback address",
}


def in_words(day: date) -> str:
    """Return a day with its weekday, in English whatever the process's locale is."""
    return f"{_WEEKDAYS[day.weekday()]}, {day.day} {_MONTHS[day.month - 1]} {day.year}"


def one_line(text: str) -> str:
    """Return `text` without line ends and runs of spaces: names are data that others entered."""
    return " ".join(text.split())


Wording = Mapping[str, str | int | tuple[str, ...] | None]


def wording(notice: Notice, facts: Facts, decisions: Decisions, decision: Decision, now: datetime) -> Wording:
    """Return the values for the mail of `decision`, one of `decisions`.

    Days are counted from now, not from when the step was due: a mail may have had to wait.
    """
    credential = facts.credential
    days = (notice.expires_on - local_date(now, notice.time_zone)).days
    type_name = one_line(facts.credential_type or credential.type)
    return {
        "recipient_name": one_line(decision.name) if decision.name and decision.detour is None else None,
        "to_holder": decision.role is RecipientRole.HOLDER,
        "holder_name": one_line(facts.holder.name),
        "credential_name": one_line(credential.name) or type_name,
        "type_name": type_name,
        "number": one_line(credential.number) if credential.number else None,
        "expires_on": notice.expires_on.isoformat(),
        "expires_on_words": in_words(notice.expires_on),
        "time_zone": notice.time_zone,
        "days_left": days,
        "days_since": -days,
        "told": tuple(told_in_words(each) for each in decisions if each.due),
        "detour": detour_in_words(facts, decision),
    }


def told_in_words(decision: Decision) -> str:
    """Return who gets a mail, and in which role."""
    role = "supervisor" if decision.decider_id is not None else _ROLES[decision.role]
    return f"{one_line(decision.name)} ({role})" if decision.name else f"the {role}"


def detour_in_words(facts: Facts | EnrolmentFacts, decision: Decision) -> str | None:
    """Return why a mail goes to a fallback address; `None` where it does not."""
    if decision.detour is None:
        return None
    holder = one_line(facts.holder.name)
    manager = one_line(facts.manager.name) if facts.manager else "The manager"
    why = {
        Detour.HOLDER_NO_ADDRESS: f"{holder} has no usable e-mail address",
        Detour.MANAGER_NONE: f"{holder} has no manager",
        Detour.MANAGER_UNKNOWN: f"the manager of {holder} is not known",
        Detour.MANAGER_INACTIVE: f"{manager}, the manager of {holder}, has left",
        Detour.MANAGER_NO_ADDRESS: f"{manager}, the manager of {holder}, has no usable e-mail address",
        Detour.NO_DECIDER: "no supervisor who decides about the application can be reached",
    }[decision.detour]
    return f"You get this mail at the fallback address, because {why}."
