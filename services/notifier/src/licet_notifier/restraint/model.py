"""Rules on when mails may leave, and stops that hold them. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from enum import IntEnum, StrEnum
from types import MappingProxyType
from uuid import UUID

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


@dataclass(frozen=True, slots=True)
class Rules:
    """When mails may leave. The defaults are those of a deployment that set nothing."""

    quiet_hours: QuietHours | None = QuietHours()
    rest_days: frozenset[Weekday] = frozenset()
    """Days of the week on which no mail leaves."""
    holidays: bool = False
    """Whether mails rest on public holidays of the place where their recipient works."""


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
