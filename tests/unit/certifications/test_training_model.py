"""Free seats serve as many as they can, against a matching that tries every way."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from licet_certifications.training.model import Demand, Money, Need, Session

START = datetime(2026, 3, 2, tzinfo=UTC)
END = START + timedelta(days=60)
DAYS = st.integers(0, 59)


def session(number: int, day: int, free: int) -> Session:
    at = START + timedelta(days=day)
    price = Money(Decimal(10), "EUR")
    return Session(f"s{number}", 1, "lift", "course", "BER", at, free + 2, 2, price, START)


def need(number: int, day: int | None) -> Need:
    by = None if day is None else START + timedelta(days=day)
    return Need(UUID(int=number), None, "BER", "lift", "course", by, by)


def most_served(needs: list[Need], sessions: list[Session]) -> int:
    """Return the size of a greatest matching (augmenting paths) of needs and free seats."""
    seats = [(one, seat) for one in sessions for seat in range(one.free)]
    taken: dict[int, int] = {}

    def place(index: int, tried: set[int]) -> bool:
        for number, (one, _) in enumerate(seats):
            in_time = one.starts_at <= (needs[index].start_by or END)
            if in_time and number not in tried:
                tried.add(number)
                if number not in taken or place(taken[number], tried):
                    taken[number] = index
                    return True
        return False

    return sum(place(index, set()) for index in range(len(needs)))


@given(st.lists(st.none() | DAYS, max_size=8), st.lists(st.tuples(DAYS, st.integers(0, 3)), max_size=5))
def test_as_many_are_served_as_any_plan_could(days: list[int | None], given: list[tuple[int, int]]):
    needs = [need(number, day) for number, day in enumerate(days)]
    sessions = [session(number, *one) for number, one in enumerate(sorted(given))]
    demand = Demand(START, END, "UTC", sessions, {})
    demand.add(needs)
    lines, costs = demand.result()
    served = sum(line.served for line in lines)
    assert served == most_served(needs, sessions)
    assert sum(line.needed for line in lines) == sum(cost.seats for cost in costs) == len(needs)
    assert sum(cost.amount for cost in costs) == 10 * served
    assert all(date(2026, 3, 2) <= line.week and line.shortage >= 0 for line in lines)
