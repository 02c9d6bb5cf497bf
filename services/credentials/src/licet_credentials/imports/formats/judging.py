"""Which of several date formats a file is written in, where they contradict each other."""

from collections.abc import Sequence
from datetime import date

from licet_credentials.imports.formats.dates import ENDS_PIVOT, date_as_written, parse_date_as

_PROBES = (date(2003, 4, 5), date(2011, 10, 9), date(2008, 12, 1))


def contradict(one: str, other: str) -> bool:
    """Return whether some text means one day in one format and another day in the other."""
    for written, read in ((one, other), (other, one)):
        for day in _PROBES:
            text = day.strftime(written)
            first = parse_date_as(text, written, ENDS_PIVOT)
            second = parse_date_as(text, read, ENDS_PIVOT)
            if second is not None and first != second:
                return True
    return False


class FormatJudge:
    """Decides between formats that contradict each other, by all the dates of a file."""

    def __init__(self, formats: Sequence[str]) -> None:
        self._formats = tuple(formats)
        self._pairs = [
            (one, other)
            for at, one in enumerate(formats)
            for other in formats[at + 1 :]
            if contradict(one, other)
        ]
        self._alone: dict[tuple[str, str], tuple[int, str]] = {}
        """By a format and one that contradicts it: the first line and text that only the former fits."""
        self._both: dict[tuple[str, str], tuple[int, str]] = {}
        self._seen: set[str] = set()

    @property
    def needed(self) -> bool:
        """Whether there is anything to decide."""
        return bool(self._pairs)

    def observe(self, line: int, text: str) -> None:
        """Take note of a date of the file."""
        if not text or text in self._seen:
            return
        if len(self._seen) < 50_000:
            self._seen.add(text)
        for pair in self._pairs:
            one, other = (parse_date_as(text, each, ENDS_PIVOT) for each in pair)
            if one is not None and other is not None:
                if one != other:
                    self._both.setdefault(pair, (line, text))
            elif one is not None:
                self._alone.setdefault(pair, (line, text))
            elif other is not None:
                self._alone.setdefault(pair[::-1], (line, text))

    def decided(self) -> tuple[str, ...]:
        """Return the formats with the one first that fits all rows; raises `ValueError` where none does."""
        order = list(self._formats)
        for one, other in self._pairs:
            first, second = self._alone.get((one, other)), self._alone.get((other, one))
            both = self._both.get((one, other))
            if first and second:
                raise ValueError(
                    f"Two date formats fit different rows: line {first[0]} has {first[1]!r}, which is "
                    f"{date_as_written(one)}, and line {second[0]} has {second[1]!r}, which is "
                    f"{date_as_written(other)}. {_WHICH_ORDER}"
                )
            if both and not first and not second:
                days = [parse_date_as(both[1], each, ENDS_PIVOT) for each in (one, other)]
                meant = " or ".join(
                    f"{end.day} ({date_as_written(f)})"
                    for f, end in zip((one, other), days, strict=True)
                    if end
                )
                raise ValueError(
                    f"Two date formats fit all rows: line {both[0]} has {both[1]!r}, which may be {meant}. "
                    f"{_WHICH_ORDER}"
                )
            if second and order.index(other) > order.index(one):
                order.remove(other)
                order.insert(order.index(one), other)
        return tuple(order)


_WHICH_ORDER = (
    "Leave one of them out of date_formats; or put the one first that counts, and say "
    "date_formats_in_order = true."
)
