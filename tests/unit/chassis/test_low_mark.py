import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licet_chassis.outbox.low_mark import LowMark


def test_the_mark_rises_only_after_a_read_that_began_behind_the_stamp():
    mark = LowMark()
    mark.read(xmin=10, drawn=7, seen_up_to=None)
    mark.stamp(11, 7)
    mark.read(xmin=10, drawn=7, seen_up_to=None)
    assert mark.value == 0
    mark.read(xmin=12, drawn=7, seen_up_to=None)
    assert mark.value == 7


def test_a_read_that_was_cut_raises_the_mark_no_further_than_it_reached():
    mark = LowMark()
    mark.stamp(11, 7)
    mark.read(xmin=12, drawn=7, seen_up_to=4)
    assert mark.value == 4


def test_rows_that_failed_are_scanned_again():
    mark = LowMark()
    mark.stamp(11, 7)
    mark.read(xmin=12, drawn=7, seen_up_to=None)
    mark.fall_back(3)
    assert mark.value == 2
    mark.read(xmin=12, drawn=7, seen_up_to=None)
    assert mark.value == 7


class Outbox:
    """A model of the table: transactions draw their id first, then row ids, and end in any order."""

    def __init__(self) -> None:
        self.next_xid = 1
        self.last_row = 0
        self.open: dict[int, list[int]] = {}
        self.visible: set[int] = set()

    def draw_xid(self) -> int:
        self.next_xid += 1
        return self.next_xid - 1

    @property
    def xmin(self) -> int:
        return min(self.open, default=self.next_xid)


@settings(max_examples=300, deadline=None)
@given(st.integers(min_value=0), st.integers(min_value=1, max_value=5))
@pytest.mark.timeout(300)
def test_no_row_ever_appears_at_or_below_the_mark_unread(seed: int, limit: int):  # noqa: C901  # one step a case
    # Hypothesis picks the seed; the steps follow from it.
    choose = random.Random(seed)
    outbox, mark = Outbox(), LowMark()
    taken: set[int] = set()
    stamping: int | None = None
    for _ in range(150):
        match choose.choice(
            ["begin", "draw", "draw", "end", "end", "read", "read", "look", "stamp", "publish", "lose"]
        ):
            case "begin":
                outbox.open[outbox.draw_xid()] = []
            case "draw" if outbox.open:
                outbox.last_row += 1
                outbox.open[choose.choice(list(outbox.open))].append(outbox.last_row)
            case "end" if outbox.open:
                rows = outbox.open.pop(choose.choice(list(outbox.open)))
                if choose.random() < 0.8:
                    outbox.visible.update(rows)
            case "read":
                found = sorted(row for row in outbox.visible if row > mark.value and row not in taken)[:limit]
                taken.update(found)
                seen_up_to = found[-1] if len(found) == limit else None
                mark.read(xmin=outbox.xmin, drawn=outbox.last_row, seen_up_to=seen_up_to)
            case "look":
                mark.look(outbox.last_row)
            case "stamp" if stamping is None:
                stamping = mark.drawn  # noted before our transaction id is drawn; the stamp comes later
            case "stamp" if stamping is not None:
                mark.stamp(outbox.draw_xid(), stamping)
                stamping = None
            case "lose" if taken and choose.random() < 0.3:
                mark.fall_back(min(taken))
                taken.clear()
            case "publish":
                gone = set(choose.sample(sorted(taken), len(taken) // 2))
                taken -= gone
                outbox.visible -= gone
        unread = (outbox.visible - taken) | {row for rows in outbox.open.values() for row in rows}
        assert all(row > mark.value for row in unread)
