"""Histories of one credential that is paused in every way, and an oracle of who must be told what.

Time is counted in hours since `BEGIN`; everything is in UTC. The oracle knows nothing of timers, decisions or
mails: it goes through the hours and looks at what is true in each.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property

from licet_events.credentials import CredentialState, FlagKind, FlagState
from support.scheduling.states import DAY, credential, flag, named, term

BEGIN = datetime(2027, 1, 1, tzinfo=UTC)
VALID_FROM, EXPIRES_ON = date(2025, 6, 1), date(2027, 2, 15)
LADDER = (30, 7, 0, -7)
HOURS = 24 * 80
HOUR = timedelta(hours=1)

Told = tuple[int, int | None]
"""The hour, and the step that somebody was told of; `None`: that the credential has expired."""


class Kind(StrEnum):
    """What makes a step rest."""

    SUSPENDED = "suspended"
    """Until a day that was known from the beginning."""
    SUSPENDED_OPEN = "suspended_open"
    """Until somebody ends it."""
    SUBMITTED = "submitted"
    WITHDRAWN = "withdrawn"
    """Submitted for longer, and taken back at the end."""
    INACTIVE = "inactive"
    RENEWED = "renewed"
    """A renewal; if it has an end it was a mistake, and is taken back."""
    REVOKED = "revoked"
    """If it has an end it was a mistake."""
    BETWEEN = "between"
    """The credential has left one holder and not arrived at the other, for the scheduler and the notifier."""
    UNKNOWN = "unknown"
    """The same, but only the notifier has read it so far."""
    NO_SERVER = "no_server"
    """The mail server does not answer."""


@dataclass(frozen=True)
class Pause:
    """A pause from one hour on, until another or for good."""

    kind: Kind
    since: int
    until: int | None

    def holds(self, hour: int) -> bool:
        return self.since <= hour and (self.until is None or hour < self.until)


def at(hour: int) -> datetime:
    return BEGIN + hour * HOUR


def _hour(instant: datetime) -> int:
    return int((instant - BEGIN) / HOUR)


def ladder() -> list[tuple[int, int | None]]:
    """The hours at which something is to be told, in order."""
    midnight = datetime.combine(EXPIRES_ON, datetime.min.time(), UTC)
    steps: list[tuple[int, int | None]] = [(_hour(midnight - step * DAY), step) for step in LADDER]
    return sorted([*steps, (_hour(midnight + DAY), None)], key=lambda each: each[0])


@dataclass(frozen=True, eq=False)
class History:
    """The pauses of one credential."""

    pauses: tuple[Pause, ...]

    def paused(self, hour: int) -> bool:
        """Whether nobody may be told anything at this hour."""
        return any(pause.holds(hour) for pause in self.pauses)

    def holds(self, kind: Kind, hour: int) -> bool:
        return any(pause.kind is kind and pause.holds(hour) for pause in self.pauses)

    @cached_property
    def changes(self) -> frozenset[int]:
        """The hours at which anything changes."""
        ends = {pause.until for pause in self.pauses if pause.until is not None}
        return frozenset({0} | {pause.since for pause in self.pauses} | ends)

    def state(self, hour: int) -> CredentialState:
        """The credential as its owner knows it from this hour on, at which something changes."""
        first = term("first", VALID_FROM, EXPIRES_ON, time_zone="UTC", recorded_at=BEGIN)
        terms = [first]
        if self.holds(Kind.RENEWED, hour):
            terms.append(
                term(
                    "second", EXPIRES_ON + DAY, EXPIRES_ON + 400 * DAY, time_zone="UTC", recorded_at=at(hour)
                )
            )
        flags = [each for number, pause in enumerate(self.pauses) if (each := _flag(number, pause, hour))]
        state = credential(*terms, ladder=LADDER, flags=flags, version=hour + 2, created_at=BEGIN)
        return state.model_copy(update={"quiet_until": self._quiet_until(hour)})

    def _quiet_until(self, hour: int) -> datetime | None:
        ends = []
        for pause in self.pauses:
            if pause.since > hour:
                continue
            if pause.kind is Kind.SUBMITTED:
                ends.append(HOURS * 2 if pause.until is None else pause.until)
            if pause.kind is Kind.WITHDRAWN and pause.holds(hour):
                ends.append(HOURS * 2)
        return at(max(ends)) if ends else None


def _flag(number: int, pause: Pause, hour: int) -> FlagState | None:
    name, since = f"flag {number}", at(pause.since)
    until = None if pause.until is None else at(pause.until)
    if pause.since > hour:
        return None
    if pause.kind is Kind.SUSPENDED:
        return flag(FlagKind.SUSPENDED, since, until, name)
    if pause.kind is Kind.SUSPENDED_OPEN:
        return flag(FlagKind.SUSPENDED, since, None if pause.holds(hour) else until, name)
    if pause.kind is Kind.REVOKED:
        return flag(FlagKind.REVOKED, since, None if pause.holds(hour) else since, name)
    return None


def oracle(history: History) -> list[Told]:
    """Whom the history tells what, hour by hour: the strictest that has been reached, unless told before."""
    told: list[Told] = []
    done = -1
    for hour in range(HOURS):
        reached = max((number for number, (since, _) in enumerate(ladder()) if since <= hour), default=-1)
        by_day = 8 <= hour % 24 < 18
        if reached > done and by_day and not history.paused(hour):
            told.append((hour, ladder()[reached][1]))
            done = reached
    return told


CREDENTIAL_ID, HOLDER_ID = named("credential"), named("holder")
