"""When a mail is tried again, and when no more.

An attempt that the mail server's own trouble ended is not counted.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds on repetition. All times are machine time."""

    first: timedelta = timedelta(seconds=15)
    """How long after the first attempt the second comes; each later pause is twice the one before."""
    longest: timedelta = timedelta(hours=1)
    attempts: int = 32
    """How often a mail is tried at most: a little over a day with the pauses above."""
    unknown: int = 2
    """How many attempts may end without it being known whether the server has the mail."""

    def next_try(self, now: datetime, attempts: int) -> datetime | None:
        """Return when to try again after `attempts` have not settled it; `None` is never."""
        if attempts >= self.attempts:
            return None
        # The exponent is bounded so that no number of attempts overflows a timedelta.
        doublings = min(max(attempts - 1, 0), 24)
        return now + min(self.longest, self.first * (1 << doublings))

    def next_try_of_unknown(self, now: datetime, attempts: int, unknown: int) -> datetime | None:
        """Return when to try again after `unknown` of the attempts ended unknown; `None` is never."""
        return None if unknown >= self.unknown else self.next_try(now, attempts)
