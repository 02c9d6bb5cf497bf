"""A relay's progress, for metrics, health and the alarm."""

import time
from datetime import datetime

import structlog

from licet_chassis.clock import machine_now

_log = structlog.get_logger("licet.outbox")


class Progress:
    """Counts what a relay does and raises an alarm when rows wait and nothing happens.

    The batches of an idempotent producer never expire, so nothing fails while Kafka is
    away. Hence an alarm of its own: the event `outbox.stalled`, every `stalled_after` seconds.
    """

    def __init__(self, stalled_after: float) -> None:
        self._stalled_after = stalled_after
        self._waiting_since: float | None = None
        self.published = 0
        self.batches = 0
        self.rebuilt = 0
        self.stalled = 0
        self.last_progress: datetime | None = None
        self.shards: frozenset[int] = frozenset()
        self.connected = False

    def acknowledged(self, rows: int) -> None:
        """Note a batch that Kafka has stored."""
        self.published += rows
        self.batches += 1
        self.last_progress = machine_now()
        self._waiting_since = time.monotonic()

    def nothing_waits(self) -> None:
        """Note a look that found nothing to publish."""
        self.last_progress = machine_now()
        self._waiting_since = None

    def paused(self) -> None:
        """Note that nothing is to be published now, whatever waits."""
        self._waiting_since = None

    def waiting(self, reason: str) -> None:
        """Note that rows wait; raises the alarm if they have for too long."""
        now = time.monotonic()
        if self._waiting_since is None:
            self._waiting_since = now
        elif now - self._waiting_since > self._stalled_after:
            self._waiting_since = now
            self.stalled += 1
            since = self.last_progress
            _log.error("outbox.stalled", reason=reason, last_progress=since.isoformat() if since else None)
