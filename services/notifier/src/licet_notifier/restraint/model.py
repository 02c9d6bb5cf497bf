"""Rules on when mails may leave, and stops that hold them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time
from enum import IntEnum, StrEnum
from types import MappingProxyType
from uuid import UUID

from licet_chassis.errors import Invalid
from licet_events.ids import uuid7


class Weekday(IntEnum):
    """A day of the week, numbered as `date.weekday` does."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


WEEKDAYS = MappingProxyType({day.name.lower(): day for day in Weekday})


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The hours, by a recipient's clock, in which no mail leaves: from `begins` up to `ends`."""

    begins: time = time(18)
    ends: time = time(8)

    def cover(self, shown: time) -> bool:
        """Tell whether a clock that shows this time is in them."""
        if self.begins < self.ends:
            return self.begins <= shown < self.ends
        return shown >= self.begins or shown < self.ends


READERS = ("holder", "manager", "managers_manager", "supervisor", "role", "address", "fallback")
"""As whom somebody is told, as rules of digests name them."""


class Every(StrEnum):
    """How often somebody gets a digest."""

    DAY = "day"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class DigestRule:
    """Who gets reminders gathered in one mail, and when."""

    every: Every = Every.DAY
    at: time = time(8)
    """By the recipient's clock."""
    weekday: Weekday = Weekday.MONDAY
    """Of a weekly one."""
    readers: frozenset[str] = frozenset()
    """As whom recipients are told; everybody where it is empty."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When mails may leave. The defaults are those of a deployment that set nothing."""

    quiet_hours: QuietHours | None = QuietHours()
    rest_days: frozenset[Weekday] = frozenset()
    """Days of the week on which no mail leaves."""
    holidays: bool = False
    """Whether mails rest on public holidays of the place where their recipient works."""
    digests: tuple[DigestRule, ...] = ()
    """The first that is for a recipient counts."""
    urgent_within: int = 7
    """Reminders of so many days before the end and less leave alone at once, as do those after it."""
    daily_cap: int | None = None
    """How many mails leave alone to one person on one day; what comes after them is gathered in a digest."""

    def digest_for(self, reader: str) -> DigestRule | None:
        """Return the rule of digests for somebody who is told as `reader`."""
        return next((rule for rule in self.digests if not rule.readers or reader in rule.readers), None)

    def is_urgent(self, step: int | None) -> bool:
        """Tell whether a reminder of this step leaves alone; that a credential has expired always does."""
        return step is None or step <= self.urgent_within


@dataclass(frozen=True, slots=True)
class Subject:
    """What a mail is about, as far as stops ask."""

    event: str
    type: str | None = None
    """The code of the credential's type; absent where it is about no credential."""
    team: str | None = None
    """The team of the holder whose credential or enrolment it is."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which mails a stop holds: those that match everything it names; all where it names nothing."""

    event: str | None = None
    type: str | None = None
    team: str | None = None

    def covers(self, subject: Subject) -> bool:
        """Tell whether a mail about `subject` falls into it. Codes compare without regard to case."""
        return (
            self.event in (None, subject.event)
            and _matches(self.type, subject.type)
            and _matches(self.team, subject.team)
        )

    def __str__(self) -> str:
        """Return the scope in words."""
        named = {"event": self.event, "type": self.type, "team": self.team}
        return ", ".join(f"{name} {value}" for name, value in named.items() if value) or "all mails"


def _matches(asked: str | None, found: str | None) -> bool:
    return asked is None or (found is not None and asked.casefold() == found.casefold())


@dataclass(frozen=True, slots=True)
class Stop:
    """An operator's order to hold mails until somebody resumes them."""

    id: UUID
    scope: Scope
    reason: str
    by: str
    since: datetime

    @classmethod
    def begin(cls, scope: Scope, reason: str, by: str, now: datetime) -> "Stop":
        """Return a new stop."""
        return cls(uuid7(), scope, reason, by, now)


class Held(StrEnum):
    """What becomes of held mails when a stop ends."""

    RELEASE = "release"
    """Each is looked at again, and sent if it still applies."""
    DROP = "drop"
    """None is sent; each is recorded as silenced."""


def stop_of(stops: Iterable[Stop], subject: Subject) -> Stop | None:
    """Return the first stop that holds a mail about `subject`."""
    return next((stop for stop in stops if stop.scope.covers(subject)), None)


def stop_of_mail(stops: Iterable[Stop], subject: Subject, *, in_digest: bool) -> Stop | None:
    """Return the first stop that holds a mail; one that is told in a digest is a digest as well."""
    stops = tuple(stops)
    return stop_of(stops, subject) or (
        stop_of(stops, replace(subject, event="digest")) if in_digest else None
    )


def check_rules(rules: Rules) -> None:
    """Raise `Invalid` for a digest that would never leave when it says."""
    spoken_for: frozenset[str] = frozenset()
    for number, rule in enumerate(rules.digests):
        readers = rule.readers or frozenset(READERS)
        if readers <= spoken_for:
            raise Invalid(
                "The rules before this one are for all its recipients, so it would never fire; take it "
                "out, or put it before them.",
                pointer=f"/digests/{number}/recipients",
            )
        spoken_for |= readers
        if rules.quiet_hours is not None and rules.quiet_hours.cover(rule.at):
            raise Invalid(
                f"{rule.at:%H:%M} lies in the quiet hours, so it would never fire then.",
                pointer=f"/digests/{number}/at",
            )
        if rule.every is Every.WEEK and rule.weekday in rules.rest_days:
            raise Invalid(
                f"No mail leaves on a {rule.weekday.name.capitalize()}, so it would never fire then.",
                pointer=f"/digests/{number}/weekday",
            )
