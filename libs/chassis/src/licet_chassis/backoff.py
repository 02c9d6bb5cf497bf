"""Exponential backoff with jitter."""

import random


class Backoff:
    """Computes pauses that double with each failure in a row, up to a bound.

    Up to a quarter is taken off each at random, so that processes that failed together do not retry
    together.
    """

    def __init__(self, first: float, most: float) -> None:
        self._first = first
        self._most = most
        self._failures = 0

    def next(self) -> float:
        """Count a failure and return how many seconds to wait after it."""
        seconds = min(self._most, self._first * (1 << min(self._failures, 30)))
        self._failures += 1
        return seconds * random.uniform(0.75, 1.0)  # noqa: S311  # jitter, not secrecy

    def reset(self) -> None:
        """Forget the failures after a success."""
        self._failures = 0
