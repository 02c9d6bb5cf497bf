"""Changes that are only supposed, the facts as they would be, and what would be worse with them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from licet_certifications.eligibility.model import (
    FUTURE,
    GRAVITY,
    Assessment,
    Credential,
    Decision,
    Holder,
    Stretch,
    Waiver,
    always,
    clip,
    within,
    worst,
)
from licet_certifications.requirements.model import Rule
from licet_events.catalogue import RequirementState
from licet_events.eligibility import ANYWHERE, ReasonCode, Verdict

MOST_CHANGES = 100
MOST_RUNNING = 20
"""What-ifs that are computed or wait at one time."""
KEPT_DAYS = 30
NOT_ASSIGNED = always(ReasonCode.NOT_ASSIGNED)
"""The timeline of whoever does not have a target."""


@dataclass(frozen=True, slots=True)
class NewRequirement:
    """A requirement that there is not."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class ChangedRequirement:
    """A requirement with a further version."""

    requirement_id: UUID
    changes: Mapping[str, Any]
    """Fields of `Rule` but the target."""


@dataclass(frozen=True, slots=True)
class ChangedGrace:
    """A credential type with other days of grace."""

    type: str
    """Its code or an alias."""
    grace_days: int


@dataclass(frozen=True, slots=True)
class MovedExpiry:
    """A credential whose latest term ends on another day."""

    credential_id: UUID
    expires_on: date | None
    """The date that its document would print; `None` for one that does not expire."""


@dataclass(frozen=True, slots=True)
class ChangedHolder:
    """A holder with other work, in another place, or gone."""

    holder_id: UUID
    changes: Mapping[str, Any]
    """Any of `roles`, `queues`, `location` and `active`."""


@dataclass(frozen=True, slots=True)
class MovedWaiverEnd:
    """A waiver that ends at another time."""

    waiver_id: UUID
    ends_on: date | None
    """The last day on which it holds; `None` where `ends_at` is given."""
    ends_at: datetime | None


Change = NewRequirement | ChangedRequirement | ChangedGrace | MovedExpiry | ChangedHolder | MovedWaiverEnd


@dataclass(frozen=True, slots=True)
class Expiry:
    """Where the latest run of a credential would end; `None` where it would not."""

    expires_at: datetime | None
    expires_on: date | None


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a holder would be; by the time it is asked everything else may have changed."""

    targets: frozenset[str] | None = None
    """`None` leaves them."""
    moves: bool = False
    location: str | None = None
    """Counts if the holder `moves`."""
    active: bool | None = None


@dataclass(frozen=True, slots=True)
class Supposed:
    """What the changes come to, in facts."""

    requirements: tuple[RequirementState, ...] = ()
    """Versions that would be added."""
    grace_days: Mapping[str, int] = field(default_factory=dict)
    """By the code of the credential type."""
    expiries: Mapping[UUID, Expiry] = field(default_factory=dict)
    """By credential."""
    assignments: Mapping[UUID, Assignment] = field(default_factory=dict)
    """By holder."""
    waiver_ends: Mapping[UUID, datetime] = field(default_factory=dict)
    """By waiver."""

    @property
    def locations(self) -> frozenset[str]:
        """The places that holders would move to."""
        return frozenset(one.location for one in self.assignments.values() if one.location is not None)

    def targets_of(self, holder: Holder) -> frozenset[str]:
        """Return what the holder has and would have to do."""
        return holder.targets | self.holder(holder).targets

    def holder(self, holder: Holder) -> Holder:
        """Return the holder as it would be."""
        assignment = self.assignments.get(holder.id)
        if assignment is None:
            return holder
        return replace(
            holder,
            targets=holder.targets if assignment.targets is None else assignment.targets,
            location=assignment.location if assignment.moves else holder.location,
            active=holder.active if assignment.active is None else assignment.active,
        )

    def credentials(self, credentials: Iterable[Credential]) -> list[Credential]:
        """Return the credentials as they would be."""
        return [self._credential(one) for one in credentials]

    def waivers(self, waivers: Iterable[Waiver]) -> list[Waiver]:
        """Return the waivers that would hold at some time."""
        moved = (replace(one, ends_at=self.waiver_ends.get(one.id, one.ends_at)) for one in waivers)
        return [one for one in moved if one.starts_at < one.ends_at]

    def _credential(self, credential: Credential) -> Credential:
        grace_days = self.grace_days.get(credential.type, credential.grace_days)
        runs = credential.runs
        expiry = self.expiries.get(credential.id)
        if expiry is not None and runs:
            latest = runs[-1]._replace(expires_at=expiry.expires_at, expires_on=expiry.expires_on)
            runs = (*runs[:-1], latest)
        return replace(credential, grace_days=grace_days, runs=runs)


@dataclass(frozen=True, slots=True)
class Worsening:
    """How one timeline is worse than another from some instant on."""

    at: datetime
    """The first instant from which the verdict is worse."""
    until: datetime | None
    """The first instant after it from which it is not; `None` where that never comes."""
    ineligible_at: datetime | None
    """The first instant from which the holder could not work and could before; `None` for a warning only."""
    before: Assessment | None
    """At `at`; `None` where the target was not the holder's."""
    after: Assessment


def worsening(before: Sequence[Stretch] | None, after: Sequence[Stretch], now: datetime) -> Worsening | None:
    """Return how a timeline would get worse at or after `now`; `None` if it would not.

    Without a timeline before, whatever is less than eligible is worse.
    """
    found: tuple[datetime, Assessment | None, Assessment] | None = None
    until: datetime | None = None
    ineligible_at: datetime | None = None
    for start, old, new in _side_by_side(before, after, now):
        if GRAVITY[new.verdict] > (0 if old is None else GRAVITY[old.verdict]):
            found = found or (start, old, new)
            if ineligible_at is None and new.verdict is Verdict.INELIGIBLE:
                ineligible_at = start
        elif found and until is None:
            until = start
    return None if found is None else Worsening(found[0], until, ineligible_at, found[1], found[2])


def at_home(decisions: Mapping[str, Decision], holder: Holder) -> tuple[str, tuple[Stretch, ...]] | None:
    """Return the holder's own place and the timeline there; `None` where the target is not the holder's."""
    return _there(decisions, holder.location or ANYWHERE)


def during(decisions: Mapping[str, Decision], location: str, start: datetime, end: datetime) -> Assessment:
    """Return the worst assessment within a shift at a location."""
    found = _there(decisions, location)
    stretches = NOT_ASSIGNED if found is None else found[1]
    return worst(within(stretches, start, end))


def is_worse(after: Assessment, before: Assessment) -> bool:
    """Whether a verdict is graver than another."""
    return GRAVITY[after.verdict] > GRAVITY[before.verdict]


def _there(decisions: Mapping[str, Decision], location: str) -> tuple[str, tuple[Stretch, ...]] | None:
    if not decisions:
        return None
    found = location if location in decisions else ANYWHERE
    return found, decisions[found].stretches


def _side_by_side(
    before: Sequence[Stretch] | None, after: Sequence[Stretch], now: datetime
) -> Iterator[tuple[datetime, Assessment | None, Assessment]]:
    """Yield what both say from each instant on at which one of them changes, beginning now."""
    olds, news = list(clip(before or (), now, None)), list(clip(after, now, None))
    old = new = 0
    start = now
    while True:
        yield start, olds[old].assessment if olds else None, news[new].assessment
        old_end = olds[old].end or FUTURE if olds else FUTURE
        new_end = news[new].end or FUTURE
        start = min(old_end, new_end)
        if start == FUTURE:
            return
        old += old_end == start
        new += new_end == start


class WhatIfState(StrEnum):
    """How far a what-if has come."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    """It could not be computed; nothing more comes."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A question and how far its answer has come."""

    id: UUID
    state: WhatIfState
    changes: Sequence[Mapping[str, Any]]
    """As they were sent."""
    actor: str
    examined: int
    """Holders who have been looked at."""
    total: int
    detail: str | None
    """Why it failed."""
    created_at: datetime
    """The changes are judged from this instant on."""
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class WorseHolder:
    """A holder for whose work something would get worse."""

    holder_id: UUID
    target: str
    place: str
    """The location whose timeline it is, `*` for none in particular."""
    worsening: Worsening


@dataclass(frozen=True, slots=True)
class BookedShift:
    """What a shift has to say to be judged."""

    id: UUID
    holder_id: UUID
    platform: str
    external_id: str
    target: str
    location: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class WorseShift:
    """A booked shift that would be at risk."""

    shift: BookedShift
    before: Assessment
    after: Assessment


@dataclass(frozen=True, slots=True)
class Count:
    """How many holders would be worse off in one group."""

    value: str | None
    ineligible: int
    warning: int
    """Those who would get a warning and nothing worse."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a what-if comes to, as far as it has been computed."""

    ineligible: int = 0
    warning: int = 0
    shifts: int = 0
    by_team: tuple[Count, ...] = ()
    by_location: tuple[Count, ...] = ()
    by_target: tuple[Count, ...] = ()
