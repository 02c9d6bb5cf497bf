"""The relay: publishes the rows of the outbox, in order per key, at least once, and removes them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

import asyncpg
import structlog

from licet_chassis.backoff import Backoff
from licet_chassis.connection import Connection
from licet_chassis.kafka import KafkaAccess
from licet_chassis.loops import wait_for_stop
from licet_chassis.outage import Outage
from licet_chassis.outbox.connections import NoSessions
from licet_chassis.outbox.progress import Progress
from licet_chassis.outbox.session import RelayOptions, RelaySession
from licet_chassis.queries import load_queries
from licet_events import Topic

_QUERIES = load_queries("licet_chassis.outbox")
_log = structlog.get_logger("licet.outbox")

_DATABASE_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


class Relay:
    """Publishes a service's outbox. Run as many as you like on one database: they share the work.

    Guarantees: what is committed is published at least once, what is rolled back never; the versions
    of one aggregate are first published in order. After a failure or a restart rows may be published
    again, and such repetitions go back in the order.

    `database_url` must lead to PostgreSQL itself, not to a pooler in transaction mode: the shards are
    session-level locks. `partitions` says how many partitions a topic has. While `gate` answers
    False, nothing is read. `schemas_url` is where the schemas that events name are served. Times are in
    seconds.
    """

    def __init__(
        self,
        database_url: str,
        kafka: KafkaAccess,
        *,
        partitions: Callable[[str], int] = lambda topic: Topic(topic).partitions,
        poll_interval: float = 0.05,
        batch_size: int = 2_000,
        max_batch_size: int = 256 << 10,
        share_interval: float = 1.0,
        delivery_timeout: float = 30.0,
        stop_timeout: float = 8.0,
        stalled_after: float = 30.0,
        gate: Callable[[], Awaitable[bool]] | None = None,
        schemas_url: str | None = None,
    ) -> None:
        self._options = RelayOptions(
            database_url=database_url,
            kafka=kafka,
            partitions=partitions,
            poll_interval=poll_interval,
            batch_size=batch_size,
            max_batch_size=max_batch_size,
            share_interval=share_interval,
            delivery_timeout=delivery_timeout,
            stop_timeout=stop_timeout,
            gate=gate,
            schemas_url=schemas_url,
        )
        self._progress = Progress(stalled_after)
        self.problem: str | None = None
        """What keeps the relay from its work until somebody changes a setting."""

    @property
    def published(self) -> int:
        """Rows acknowledged by Kafka."""
        return self._progress.published

    @property
    def batches(self) -> int:
        """Batches acknowledged by Kafka."""
        return self._progress.batches

    @property
    def rebuilt(self) -> int:
        """Producers dropped after a failure."""
        return self._progress.rebuilt

    @property
    def stalled(self) -> int:
        """Alarms: rows waited and nothing was acknowledged for `stalled_after`."""
        return self._progress.stalled

    @property
    def last_progress(self) -> datetime | None:
        """Machine time of the last acknowledgement, or of the last look that found nothing to publish."""
        return self._progress.last_progress

    @property
    def ready(self) -> bool:
        """Whether the database and Kafka have been reached; a relay without a shard is ready too."""
        return self._progress.connected

    @property
    def shards(self) -> frozenset[int]:
        """The shards this relay publishes now."""
        return self._progress.shards

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set; then finish what is under way, `stop_timeout` at most.

        A database or a broker that is away is waited for. What Kafka has not acknowledged stays in the
        table for the next relay.
        """
        backoff = Backoff(0.1, 5.0)
        outage = Outage("licet.outbox", "outbox.database_lost")
        while not stop.is_set():
            began = time.monotonic()
            try:
                await RelaySession.run(self._options, self._progress, stop)
            except NoSessions as error:
                # Checked again in a while: a pooler can be set up otherwise without a restart of ours.
                if self.problem is None:
                    _log.error("outbox.no_sessions", remedy=str(error))
                self.problem = str(error)
                await wait_for_stop(stop, 10.0)
            except _DATABASE_ERRORS as error:
                if time.monotonic() - began > 60:
                    backoff.reset()
                pause = backoff.next()
                outage.failed(type(error).__name__, detail=str(error)[:300], retry_in=round(pause, 2))
                await wait_for_stop(stop, pause)
        _log.info("outbox.relay_stopped", published=self.published)


async def pending(conn: Connection) -> int:
    """Return how many rows wait in the outbox."""
    count: int = await conn.fetchval(_QUERIES["count_rows"])
    return count
