"""Waiting longer after each failure in a row."""

import random


class Backoff:
    """Seconds to wait: doubled with every failure, bounded, and spread so that relays keep out of step."""

    def __init__(self, first: float, most: float) -> None:
        self._first = first
        self._most = most
        self._failures = 0

    def next(self) -> float:
        """Count a failure and return how long to wait after it."""
        seconds = min(self._most, self._first * (1 << min(self._failures, 30)))
        self._failures += 1
        return seconds * random.uniform(0.75, 1.0)  # noqa: S311  # spreading, not secrecy

    def reset(self) -> None:
        """Begin anew: something succeeded."""
        self._failures = 0
