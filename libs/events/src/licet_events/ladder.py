"""The reminder steps of a ladder that make sense for a term."""

from collections.abc import Iterable
from datetime import date


def steps_told(ladder: Iterable[int], valid_from: date | None, last_day: date) -> tuple[int, ...]:
    """Return the steps of a ladder that are told for a term, from the mildest to the strictest.

    Steps count in days before the term's last day. One that lies before the term's first day or in its first
    tenth is not told: nobody needs to hear on the first days of a short term that it ends. Steps of 0 and
    below always are told, and so is every step of a term whose first day is unknown.
    """
    steps = tuple(sorted(set(ladder), reverse=True))
    if valid_from is None:
        return steps
    length = (last_day - valid_from).days + 1
    return tuple(step for step in steps if step <= 0 or 10 * (length - 1 - step) >= length)
