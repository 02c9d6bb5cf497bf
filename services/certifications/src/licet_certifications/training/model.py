"""Who needs which seat by when, which session serves them, and what that costs."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from licet_certifications.gaps.model import Gap, GapState
from licet_certifications.programmes.model import Component, Definition
from licet_events import civil

Course = tuple[str, str, str | None]
"""A programme, a component of it and a location."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency (ISO 4217)."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Session:
    """An occasion on which a component is taught."""

    external_id: str
    version: int
    programme: str
    component: str
    location: str
    starts_at: datetime
    seats: int
    booked: int
    price: Money | None
    """Of one seat; `None`: that of the component."""
    updated_at: datetime

    @property
    def free(self) -> int:
        """How many seats nobody has booked."""
        return max(self.seats - self.booked, 0)


@dataclass(frozen=True, slots=True)
class Price:
    """What a seat costs where the session does not say."""

    programme: str
    component: str
    version: int
    price: Money
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Need:
    """A seat that a holder needs."""

    holder_id: UUID
    team: str | None
    location: str | None
    programme: str
    component: str
    by: datetime | None
    """When eligibility ends; `None` where there is none already."""
    start_by: datetime | None
    """The latest start that leaves the usual days of the component."""


@dataclass(frozen=True, slots=True)
class Courses:
    """What programmes ask for, and which lead to a credential type."""

    definitions: Mapping[str, Definition]
    """The version that new enrolments use, by programme."""
    leading_to: Mapping[str, Sequence[str]]
    """Programmes by what they issue, in the order of codes."""

    def needs_of(self, gaps: Iterable[Gap], open_work: Mapping[str, Mapping[str, bool]]) -> list[Need]:
        """Return the seats that one holder needs, in order; each component once, by its earliest date.

        `open_work` has, for each programme that the holder is in, whether a component of its path is still to
        do. Of several programmes that lead to one type it is the one that the holder is in, else the first.
        """
        needs: dict[tuple[str, str], Need] = {}
        for gap in gaps:
            for type_code in gap.types if gap.state is not GapState.WAIVED else ():
                leading = [code for code in self.leading_to.get(type_code, ()) if code in self.definitions]
                if not leading:
                    continue
                programme = next((code for code in leading if code in open_work), leading[0])
                for component in self._to_do(programme, gap, open_work.get(programme)):
                    need = _need(gap, programme, component)
                    before = needs.get((programme, component.code))
                    if before is None or _due(need) < _due(before):
                        needs[programme, component.code] = need
        return [needs[key] for key in sorted(needs)]

    def _to_do(self, programme: str, gap: Gap, work: Mapping[str, bool] | None) -> list[Component]:
        definition = self.definitions[programme]
        if work is None:
            path, _ = definition.path(recertification=gap.state is GapState.LOSING)
            return [one for one in path if one.required]
        known = {one.code: one for path in (True, False) for one in definition.path(recertification=path)[0]}
        # One of an older version may have gone from the newest; it is still to be done.
        return [known[code] for code, to_do in work.items() if to_do and code in known]


def _need(gap: Gap, programme: str, component: Component) -> Need:
    start_by = None if gap.at is None else gap.at - timedelta(days=component.usual_days or 0)
    return Need(gap.holder_id, gap.team, gap.location, programme, component.code, gap.at, start_by)


def _due(need: Need) -> datetime:
    return need.by or datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """The seats of one component that are due at a location in one week."""

    programme: str
    component: str
    location: str | None
    week: date
    """Its first day; the first week has also those who are without already."""
    needed: int
    served: int
    """How many get a seat in a session that begins in time."""

    @property
    def shortage(self) -> int:
        """How many seats are lacking."""
        return self.needed - self.served


@dataclass(frozen=True, slots=True)
class Cost:
    """What the seats at a location cost in one month."""

    location: str | None
    month: str
    """`YYYY-MM`, when the session begins; of a seat that is lacking, when it is due."""
    currency: str | None
    """`None` for seats without a price."""
    seats: int
    amount: Decimal


@dataclass
class Demand:
    """Adds up needs as they are read, and gives the free seats of sessions to those who are due first.

    Everybody could take a seat from now on, so that serving the earliest date first serves the most. Memory
    follows the number of different dates, not that of people.
    """

    start: datetime
    end: datetime
    time_zone: str
    sessions: Sequence[Session]
    """In the order in which they begin."""
    prices: Mapping[tuple[str, str], Money]
    _needs: dict[tuple[str, str, str | None], Counter[tuple[datetime, datetime]]] = field(
        default_factory=dict
    )

    def add(self, needs: Iterable[Need]) -> None:
        """Count some needs."""
        for need in needs:
            # Who is without already is helped by any session, and is due now.
            when = (need.start_by or self.end, need.by or self.start)
            key = need.programme, need.component, need.location
            self._needs.setdefault(key, Counter())[when] += 1

    def result(self) -> tuple[list[Line], list[Cost]]:
        """Return the demand by component, location and week, and its cost by location and month."""
        first_day = civil.local_date(self.start, self.time_zone)
        lines: dict[tuple[str, str, str | None, date], list[int]] = {}
        costs: dict[tuple[str | None, str, str | None], tuple[int, Decimal]] = {}
        for key, wanted in sorted(self._needs.items(), key=lambda item: (item[0][:2], item[0][2] or "")):
            programme, component, location = key
            seats = _Seats([one for one in self.sessions if _teaches(one, key)])
            for (start_by, by), number in sorted(wanted.items()):
                due = max(civil.local_date(by, self.time_zone), first_day)
                week = first_day + timedelta(days=(due - first_day).days // 7 * 7)
                taken = seats.take(number, start_by)
                counts = lines.setdefault((*key, week), [0, 0])
                counts[0] += number
                counts[1] += sum(several for _, several in taken)
                usual = self.prices.get((programme, component))
                bills = [(one.starts_at, one.price or usual, several) for one, several in taken]
                bills.append((by, usual, number - sum(several for _, several in taken)))
                for when, price, several in bills:
                    if several:
                        _charge(costs, location, civil.local_date(when, self.time_zone), price, several)
        return (
            [Line(*at, *counts) for at, counts in sorted(lines.items(), key=lambda item: _in_order(item[0]))],
            [Cost(*at, *sums) for at, sums in sorted(costs.items(), key=lambda item: _in_order(item[0]))],
        )


def latest_helpful(need: Need, sessions: Sequence[Session]) -> Session | None:
    """Return the last session with a free seat that begins in time for a need; `None` if there is none."""
    return next(
        (
            one
            for one in reversed(sessions)
            if one.free
            and _teaches(one, (need.programme, need.component, need.location))
            and (need.start_by is None or one.starts_at <= need.start_by)
        ),
        None,
    )


class _Seats:
    """The free seats of one component at one location, in the order in which their sessions begin."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        self._sessions = sessions
        self._free = [one.free for one in sessions]
        self._starts = [one.starts_at for one in sessions]

    def take(self, number: int, start_by: datetime) -> list[tuple[Session, int]]:
        """Take up to `number` seats, the earliest first, in sessions that begin at `start_by` or before."""
        taken = []
        for index, session in enumerate(self._sessions[: self._until(start_by)]):
            several = min(number, self._free[index])
            if several:
                taken.append((session, several))
                self._free[index] -= several
                number -= several
        return taken

    def _until(self, start_by: datetime) -> int:
        return bisect_left(self._starts, start_by + timedelta(microseconds=1))


def _teaches(session: Session, key: Course) -> bool:
    return (session.programme, session.component, session.location) == key


def _charge(
    costs: dict[tuple[str | None, str, str | None], tuple[int, Decimal]],
    location: str | None,
    day: date,
    price: Money | None,
    seats: int,
) -> None:
    key = location, f"{day:%Y-%m}", None if price is None else price.currency
    number, amount = costs.get(key, (0, Decimal(0)))
    costs[key] = number + seats, amount + (Decimal(0) if price is None else price.amount * seats)


def _in_order(key: Sequence[object]) -> tuple[tuple[bool, str], ...]:
    return tuple((value is None, str(value)) for value in key)
