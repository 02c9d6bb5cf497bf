"""The values of a mail's template: plain texts and numbers, no objects with attributes to follow. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from babel import Locale

from licet_events.civil import ExpiresAtRule, local_date
from licet_events.notifications import RecipientRole
from licet_notifier.facts.model import EnrolmentFacts, Facts, Notice, PrintedEnd
from licet_notifier.notifications.model import Decision, Decisions
from licet_notifier.templates import languages
from licet_notifier.templates.languages import Phrases


def one_line(text: str) -> str:
    """Return `text` without line ends and runs of spaces: names are data that others entered."""
    return " ".join(text.split())


Wording = Mapping[str, str | int | tuple[str, ...] | None]


@dataclass(frozen=True, slots=True)
class Tongue:
    """The language in which the values of a mail are written."""

    locale: Locale
    phrases: Phrases

    @classmethod
    def of(cls, language: str, reader_locale: str | None = None) -> "Tongue":
        """Return the forms of a language, as the reader's country has them where it is of that language.

        A language without shipped sentences has the English ones; its templates can't name what holds a
        sentence, so that no mail mixes languages (see `templates.names`).
        """
        phrases = languages.phrases_of(language) or languages.english()
        return cls(languages.locale_for(language, reader_locale), phrases)

    def day(self, day: date) -> str:
        """Return a day with its weekday."""
        return languages.day_in_words(day, self.locale)

    def end(self, end: PrintedEnd) -> str:
        """Return until when a credential is valid: a month, the last day, or a day with a time."""
        if end.month is not None:
            return languages.month_in_words(end.expires_on, self.locale)
        if end.ending.rule is ExpiresAtRule.AT_TIME and end.ending.time is not None:
            at = datetime.combine(end.expires_on, time.fromisoformat(end.ending.time))
            return languages.day_and_time_in_words(at, self.locale)
        return self.day(end.last_day)

    def say(self, phrase: str, **parts: str) -> str:
        """Return a sentence with its parts put in."""
        return self.phrases[phrase].format(**parts)


ENGLISH: Final = Tongue.of("en")


def wording(
    notice: Notice,
    facts: Facts,
    decisions: Decisions,
    decision: Decision,
    now: datetime,
    tongue: Tongue = ENGLISH,
) -> Wording:
    """Return the values for the mail of `decision`, one of `decisions`.

    Days are counted from now, not from when the step was due: a mail may have had to wait.
    """
    credential = facts.credential
    end = credential.end_of(notice)
    days = (end.last_day - local_date(now, notice.time_zone)).days
    type_name = one_line(facts.credential_type or credential.type)
    same_level = [each for each in decisions if each.due and each.after_days == decision.after_days]
    before = [each for each in decisions if each.address and each.after_days < decision.after_days]
    return {
        **addressed(facts, decisions, decision, tongue),
        "holder_name": one_line(facts.holder.name),
        "credential_name": one_line(credential.name) or type_name,
        "type_name": type_name,
        "number": one_line(credential.number) if credential.number else None,
        "expires_on": notice.expires_on.isoformat(),
        "expires_on_words": tongue.end(end),
        "time_zone": notice.time_zone,
        "days_left": days,
        "days_since": -days,
        "noticed_on_words": tongue.day(local_date(notice.at, notice.time_zone)),
        "told": names_of(same_level, tongue),
        "told_before": names_of(before, tongue),
    }


def addressed(
    facts: Facts | EnrolmentFacts, decisions: Decisions, decision: Decision, tongue: Tongue
) -> dict[str, str | int | tuple[str, ...] | None]:
    """Return the values that mails about credentials and enrolments share."""
    return {
        "recipient_name": one_line(decision.name) if decision.name and decision.detour is None else None,
        "to_holder": decision.role is RecipientRole.HOLDER,
        "told": names_of([each for each in decisions if each.due], tongue),
        "detour": detour_in_words(facts, decision, tongue),
        "detour_reason": decision.detour.value if decision.detour else None,
        "manager_name": one_line(facts.manager.name) if facts.manager else None,
        "acknowledge_url": None,
        "snooze_url": None,
    }


def names_of(decisions: Iterable[Decision], tongue: Tongue) -> tuple[str, ...]:
    """Return who gets a mail, and in which role."""
    return tuple(_told_in_words(each, tongue) for each in decisions)


def _told_in_words(decision: Decision, tongue: Tongue) -> str:
    key = decision.reading.value
    _, is_role, role = (decision.circle or "").partition("role:")
    named = role.partition("@")[0] if is_role and key != "fallback" else tongue.say(f"role_{key}")
    return f"{one_line(decision.name)} ({named})" if decision.name else tongue.say("nobody_named", role=named)


def detour_in_words(facts: Facts | EnrolmentFacts, decision: Decision, tongue: Tongue) -> str | None:
    """Return why a mail goes to a fallback address; `None` where it does not."""
    if decision.detour is None:
        return None
    why = tongue.say(
        f"detour_{decision.detour}",
        holder=one_line(facts.holder.name),
        manager=one_line(facts.manager.name) if facts.manager else tongue.say("the_manager"),
        circle=(decision.circle or "").replace("_", " "),
    )
    return tongue.say("detour", why=why)
