"""Reports an outage in the log: when it begins, from time to time with counts, and when it ends."""

import time
from typing import Any

import structlog

_REMIND_SECONDS = 60.0


class Outage:
    """Turns the failures of one dependency into a few log lines, however many failures there are.

    The first failure of each kind is logged with its words, later ones are counted. While it lasts there is a
    line every `remind_every` seconds with the count so far, and one at its end. It is over, too, when nothing
    has failed for as long.
    """

    def __init__(self, logger: str, event: str, *, remind_every: float = _REMIND_SECONDS) -> None:
        """`event` is what lines of a failure are called; at the end it is `event` with `_over`."""
        self._log = structlog.get_logger(logger)
        self._event = event
        self._remind_every = remind_every
        self._began: float | None = None
        self._logged_at = 0.0
        self._failed_at = 0.0
        self._kinds: set[str] = set()
        self.failures = 0
        """How many failures this outage has had."""

    def failed(self, kind: str, *, exc_info: BaseException | None = None, **fields: Any) -> None:
        """Count a failure; `kind` is what tells it from others, such as the class of its error.

        The trace of `exc_info` goes with the first line of its kind only.
        """
        now = time.monotonic()
        if self._began is not None and now - self._failed_at > self._remind_every:
            self._began = None  # its end was noted nowhere, and this is another one
        self._failed_at = now
        if self._began is None:
            self._began, self.failures = now, 0
            self._kinds.clear()
        self.failures += 1
        new = kind not in self._kinds
        if not new and now - self._logged_at < self._remind_every:
            return
        self._kinds.add(kind)
        self._logged_at = now
        counts = (
            {"failures": self.failures, "seconds": round(now - self._began, 1)} if self.failures > 1 else {}
        )
        trace = {"exc_info": exc_info} if new and exc_info is not None else {}
        self._log.warning(self._event, error=kind, **fields, **counts, **trace)

    def over(self) -> None:
        """Note a success; the first one after failures is logged."""
        if self._began is None:
            return
        seconds = round(time.monotonic() - self._began, 1)
        self._log.info(f"{self._event}_over", failures=self.failures, seconds=seconds)
        self._began = None
