"""The low mark: the id at or below which no row can appear any more."""

from collections import deque


class LowMark:
    """Tells a reader of the outbox where its scan may start.

    Rows commit out of the order of their ids, so "above the highest id read" would lose some, and a
    scan from the beginning walks over every dead row that an old snapshot keeps from being vacuumed.

    Why a mark holds: a transaction that appends draws its transaction id before its first row id. Let
    `drawn` be the last row id drawn, looked at *before* we draw a transaction id of our own, `xid`.
    Then every transaction with a row at or below `drawn` is older than `xid`. Once a read's snapshot has
    `xmin >= xid` they have all ended, and that read, from the old mark up, has seen whatever they left.
    So the mark is raised *after* that read: raised before it, a row that was committed between two
    reads would be passed over. (The snapshot's xmax would not do in place of an `xid` of our own: a
    transaction in progress may be above it.)
    """

    def __init__(self) -> None:
        self.value = 0
        """A scan starts above this id."""
        self.drawn = 0
        """The last row id drawn when we last looked."""
        self._stamps: deque[tuple[int, int]] = deque()
        self._proven = 0

    @property
    def unstamped(self) -> bool:
        """Whether ids have been drawn for which no transaction id of ours is known yet."""
        return self.drawn > (self._stamps[-1][1] if self._stamps else self._proven)

    def stamp(self, xid: int, drawn: int) -> None:
        """Note a transaction id of ours and the value `drawn` had before that id was drawn."""
        if drawn > (self._stamps[-1][1] if self._stamps else self._proven):
            self._stamps.append((xid, drawn))

    def read(self, *, xmin: int, drawn: int, seen_up_to: int | None) -> None:
        """Note a read from `value` up, and raise the mark as far as that allows.

        `seen_up_to` is the id up to which the read took in every row; `None` means all there were. A
        read that left rows out, neither taken nor in flight, passes `value`.
        """
        self.drawn = drawn
        while self._stamps and self._stamps[0][0] <= xmin:
            self._proven = self._stamps.popleft()[1]
        reached = self._proven if seen_up_to is None else min(self._proven, seen_up_to)
        self.value = max(self.value, reached)

    def look(self, drawn: int) -> None:
        """Note the last id drawn at a read that left rows out and so can't raise the mark."""
        self.drawn = drawn

    def fall_back(self, before: int) -> None:
        """Scan again from the row `before`: it was taken but not published."""
        self.value = min(self.value, before - 1)

    def restart(self) -> None:
        """Scan from the beginning once: other shards than before are read now, or it is time for it."""
        self.value = 0
