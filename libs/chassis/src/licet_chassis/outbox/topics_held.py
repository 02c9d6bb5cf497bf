"""Topics that are left alone for a while, so that one with trouble does not stop the others."""

import time

from licet_chassis.backoff import Backoff


class TopicsHeld:
    """Which topics not to read now, each with a back-off of its own."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._backoffs: dict[str, Backoff] = {}

    def hold(self, topic: str) -> float:
        """Leave a topic alone; returns for how many seconds."""
        pause = self._backoffs.setdefault(topic, Backoff(0.1, 5.0)).next()
        self._until[topic] = time.monotonic() + pause
        return pause

    def forgive(self, topic: str) -> None:
        """Forget a topic's failures: it has taken a batch."""
        self._backoffs.pop(topic, None)

    def now(self) -> set[str]:
        """Return the topics on hold at present."""
        if self._until:
            now = time.monotonic()
            self._until = {topic: until for topic, until in self._until.items() if until > now}
        return set(self._until)
