"""What eligibility rests on and what comes of it, in plain values.

Nothing here knows the time of day: the same facts give the same timeline whenever it is computed,
and in whatever order they arrived. The neighbours are as pure: `criteria` says what is asked for,
`rules` when it is, `standings` what a credential is good for, `sweep` puts them together and
`deciding` does so for every location.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import NamedTuple
from uuid import UUID

from licet_events.catalogue import AttributeValue
from licet_events.civil import END_OF_DAY, Ending
from licet_events.credentials import FlagKind
from licet_events.eligibility import ANYWHERE, ReasonCode, Verdict

PAST = datetime.min.replace(tzinfo=UTC)
"""Before every instant: where the open past begins."""
FUTURE = datetime.max.replace(tzinfo=UTC)
"""After every instant: where the open future ends."""

GRAVITY = {verdict: gravity for gravity, verdict in enumerate(Verdict)}


@dataclass(frozen=True, slots=True)
class Holder:
    """What eligibility needs to know of a holder."""

    id: UUID
    version: int
    active: bool
    targets: frozenset[str]
    """Its roles and queues, as `role:<code>` and `queue:<code>`."""
    location: str | None = None
    team: str | None = None
    """Decides who may see the holder, and nothing else."""


@dataclass(frozen=True, slots=True)
class Place:
    """The location that a timeline is about, `*` for none in particular."""

    code: str
    version: int | None = None
    """`None` while nothing is known of the location but its code."""
    country: str | None = None
    subdivision: str | None = None

    def accepts(self, country: str | None, subdivision: str | None) -> bool:
        """Whether something of that jurisdiction is good here.

        One of a whole country is good in all its subdivisions; a place whose country is not known
        accepts nothing.
        """
        if self.country is None or country != self.country:
            return False
        return subdivision is None or subdivision == self.subdivision


NOWHERE_IN_PARTICULAR = Place(ANYWHERE)


class Run(NamedTuple):
    """Touching or overlapping terms taken together."""

    starts_at: datetime
    expires_at: datetime | None
    expires_on: date | None
    """The printed expiry date."""
    time_zone: str
    ending: Ending = END_OF_DAY
    """How the printed date is meant."""


class Flag(NamedTuple):
    """A credential is suspended, revoked or surrendered in [start, end); an open end is `FUTURE`."""

    kind: FlagKind
    start: datetime
    end: datetime


class Check(NamedTuple):
    """The latest check of a credential against a source."""

    checked_at: datetime
    confirmed: bool
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Credential:
    """What eligibility needs to know of a credential."""

    id: UUID
    version: int
    holder_id: UUID
    type: str
    runs: tuple[Run, ...]
    flags: tuple[Flag, ...] = ()
    grace_days: int = 0
    country: str | None = None
    subdivision: str | None = None
    voided: bool = False
    issuer: str | None = None
    attributes: Mapping[str, AttributeValue] | None = None
    """`None` if it was last told to a build that did not keep them."""
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Waiver:
    """A granted release of a holder, for as long as it holds."""

    id: UUID
    version: int
    target: str
    requirement_id: UUID | None
    """`None` releases from every requirement of the target."""
    type: str | None
    """`None` releases from the whole requirement."""
    locations: frozenset[str]
    """Where it holds; empty means everywhere."""
    starts_at: datetime
    ends_at: datetime


class Reason(NamedTuple):
    """Why a verdict is what it is. The fields are those of the event contract's reason."""

    code: ReasonCode
    type: str | None = None
    requirement_id: UUID | None = None
    credential_id: UUID | None = None
    waiver_id: UUID | None = None
    condition: str | None = None


class Assessment(NamedTuple):
    """A verdict with its reasons."""

    verdict: Verdict
    reasons: tuple[Reason, ...]


class Stretch(NamedTuple):
    """An assessment that holds for all of [start, end); `None` is an open end."""

    start: datetime | None
    end: datetime | None
    assessment: Assessment


class Fact(NamedTuple):
    """Which version of a fact a timeline rests on."""

    kind: str
    id: str
    version: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The timeline at one location, contiguous, and the facts it rests on, in a fixed order."""

    stretches: tuple[Stretch, ...]
    facts: tuple[Fact, ...]


def always(code: ReasonCode) -> tuple[Stretch, ...]:
    """Return the timeline of someone who may never do the work, for a reason that has no dates."""
    return (Stretch(None, None, Assessment(Verdict.INELIGIBLE, (Reason(code),))),)


def worst(assessments: Sequence[Assessment]) -> Assessment:
    """Return the worst verdict, with the reasons of everything that has it."""
    if len(assessments) == 1:
        return assessments[0]
    verdict = max((one.verdict for one in assessments), key=GRAVITY.__getitem__)
    reasons = dict.fromkeys(reason for one in assessments if one.verdict is verdict for reason in one.reasons)
    return Assessment(verdict, tuple(reasons))


def within(stretches: Iterable[Stretch], start: datetime, end: datetime) -> tuple[Assessment, ...]:
    """Return the assessments that hold somewhere in [start, end), in order of time."""
    return tuple(one.assessment for one in clip(stretches, start, end))


def clip(stretches: Iterable[Stretch], start: datetime | None, end: datetime | None) -> tuple[Stretch, ...]:
    """Return the part of a timeline that lies in [start, end)."""
    low, high = start or PAST, end or FUTURE
    return tuple(
        Stretch(
            start if (one.start or PAST) <= low else one.start,
            end if (one.end or FUTURE) >= high else one.end,
            one.assessment,
        )
        for one in stretches
        if (one.start or PAST) < high and low < (one.end or FUTURE)
    )
