"""How gaps are grouped and counted: holders, never pairs, so that somebody with two roles counts once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from licet_events import civil

Group = tuple[str | None, ...]
"""The values of the dimensions that are grouped by, in their order."""


class Dimension(StrEnum):
    """What gaps are grouped by."""

    TEAM = "team"
    LOCATION = "location"
    ROLE = "role"
    TYPE = "type"
    PROGRAMME = "programme"


class GapState(StrEnum):
    """Where a holder stands with one target."""

    LOSING = "losing"
    """Eligible now, and not until the end of the window."""
    WITHOUT = "without"
    """Not eligible now."""
    WAIVED = "waived"
    """Eligible only thanks to a waiver at some time in the window."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One holder and target with something to do about it."""

    holder_id: UUID
    team: str | None
    location: str | None
    target: str
    """`role:<code>` or `queue:<code>`."""
    state: GapState
    at: datetime | None
    """When eligibility ends; `None` where there is none now, or a waiver bears it."""
    types: tuple[str, ...] = ()
    """The credential types for want of which it ends, or that a waiver stands for."""
    programmes: tuple[str, ...] = ()
    """The programmes that lead to one of these types."""
    renewing: bool = False
    """Whether the holder has an open enrolment in one of these programmes."""

    def groups(self, by: Sequence[Dimension]) -> list[Group]:
        """Return the groups that the gap belongs to: one of each combination of types and programmes."""
        groups: list[Group] = [()]
        for dimension in by:
            groups = [(*group, value) for group in groups for value in self._values(dimension)]
        return groups

    def _values(self, dimension: Dimension) -> Sequence[str | None]:
        match dimension:
            case Dimension.TEAM:
                return (self.team,)
            case Dimension.LOCATION:
                return (self.location,)
            case Dimension.ROLE:
                return (self.target,)
            case Dimension.TYPE:
                return self.types or (None,)
            case Dimension.PROGRAMME:
                return self.programmes or (None,)


@dataclass(frozen=True, slots=True)
class Week:
    """One week of a burn-down."""

    starts_on: date
    losing: int
    """Holders who lose eligibility in this week."""
    eligible: int
    """Holders of the group who are eligible for all their targets at its end, if nothing is done."""


@dataclass(frozen=True, slots=True)
class GapSummary:
    """The holders of one group, by where they stand."""

    group: Group
    holders: int
    losing: int
    without: int
    renewing: int
    waived: int
    weeks: tuple[Week, ...]


@dataclass
class GapTally:
    """Counts gaps as they are read, in memory that follows the number of holders with a gap."""

    by: Sequence[Dimension]
    time_zone: str
    start: datetime
    within_days: int
    _groups: dict[Group, "_Counts"] = field(default_factory=dict)

    def add(self, gaps: Iterable[Gap]) -> None:
        """Count some gaps."""
        for gap in gaps:
            for group in gap.groups(self.by):
                self._groups.setdefault(group, _Counts()).add(gap)

    def summaries(self, holders: Mapping[Group, int]) -> list[GapSummary]:
        """Return the groups that have holders or gaps, in the order of their values."""
        first_day = civil.local_date(self.start, self.time_zone)
        starts = [first_day + timedelta(days=7 * week) for week in range((self.within_days + 6) // 7)]
        groups = sorted(holders.keys() | self._groups.keys(), key=_in_order)
        return [
            self._groups.get(group, _Counts()).summary(group, holders.get(group, 0), starts, self.time_zone)
            for group in groups
        ]


def _in_order(group: Group) -> tuple[tuple[bool, str], ...]:
    return tuple((value is None, value or "") for value in group)


@dataclass
class _Counts:
    losing: dict[UUID, datetime] = field(default_factory=dict)
    """The first loss of each holder."""
    without: set[UUID] = field(default_factory=set)
    renewing: set[UUID] = field(default_factory=set)
    waived: set[UUID] = field(default_factory=set)

    def add(self, gap: Gap) -> None:
        holder = gap.holder_id
        if gap.state is GapState.WITHOUT:
            self.without.add(holder)
        elif gap.state is GapState.WAIVED:
            self.waived.add(holder)
        elif gap.at is not None:
            self.losing[holder] = min(gap.at, self.losing.get(holder, gap.at))
        if gap.renewing:
            self.renewing.add(holder)

    def summary(self, group: Group, holders: int, starts: Sequence[date], time_zone: str) -> GapSummary:
        affected = self.losing.keys() | self.without | self.waived
        holders = max(holders, len(affected))
        eligible = holders - len(self.without)
        losses = sorted(at for holder, at in self.losing.items() if holder not in self.without)
        every_loss = sorted(self.losing.values())
        weeks: list[Week] = []
        for starts_on in starts:
            week_end = civil.starts_at(starts_on + timedelta(days=7), time_zone)
            lost_before = sum(week.losing for week in weeks)
            losing = sum(at < week_end for at in every_loss) - lost_before
            weeks.append(Week(starts_on, losing, eligible - sum(at < week_end for at in losses)))
        return GapSummary(
            group=group,
            holders=holders,
            losing=len(self.losing),
            without=len(self.without),
            renewing=len(self.renewing),
            waived=len(self.waived),
            weeks=tuple(weeks),
        )
