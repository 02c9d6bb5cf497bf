"""The Kafka side of consuming: FastStream with aiokafka, acknowledged by hand.

FastStream's automatic policies lose messages or spin on them, and its parser drops what it can't parse.
So records are taken raw, a batch's offsets are committed explicitly and only after `Dispatcher` is done
with every record of it, and a check at the start refuses any other policy.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from time import monotonic
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage

from licet_chassis.backoff import Backoff
from licet_chassis.consuming.dispatcher import NOT_ITS_FAULT, Dispatcher
from licet_chassis.consuming.member import COMMIT_SECONDS, Member
from licet_chassis.consuming.positions import Positions
from licet_chassis.consuming.records import Raw
from licet_chassis.consuming.watchdog import Ended, Stuck, Watchdog
from licet_chassis.database import TRANSIENT, Database
from licet_chassis.kafka import KafkaAccess
from licet_chassis.loops import wait_for_stop
from licet_chassis.outage import Outage

_log = structlog.get_logger("licet.consuming")
_LONGEST_BACKOFF = 5.0
"""So that what waits flows within ten seconds after a server answers again."""
_START_SECONDS = 120.0
_FETCH_WAIT_MS = 100
"""How long a fetch that finds nothing waits at the broker. Other requests on the connection, such as for
the ends of partitions, wait behind it; and librdkafka's mock broker answers no sooner when records come."""
_FINISH_SECONDS = 15
"""How long a stop waits for the batches in hand."""
_TOUCH_EVERY = 600.0


class AutomaticAck(Exception):
    """A subscriber would acknowledge by itself, and so lose or repeat what fails."""


class Reader:
    """Reads a service's consumers from Kafka for as long as the process runs.

    `on_joined` is called once after each rebalance with each consumer that has joined its group. Times are
    in seconds.
    """

    def __init__(
        self,
        dispatchers: Sequence[Dispatcher],
        database: Database,
        kafka: KafkaAccess,
        service: str,
        *,
        on_joined: Callable[[AIOKafkaConsumer], Awaitable[None]] | None = None,
        stuck_after: float = 90.0,
        watch_every: float = 1.0,
    ) -> None:
        self._dispatchers = dispatchers
        self._database = database
        self._kafka = kafka
        self._service = service
        self._on_joined = on_joined
        self._greeted: dict[str, int] = {}
        """At which rebalance of each member `on_joined` was called."""
        self._watchdog = Watchdog(kafka, stuck_after)
        self._positions = Positions(database, kafka)
        self._watch_every = watch_every
        self._stop = asyncio.Event()
        self._members: list[Member] = []
        self.connected = False
        """Whether every consumer has joined its group and none has been lost."""
        self.problem: str | None = None
        """Why nothing is read although Kafka answers."""
        self._away = Outage("licet.consuming", "consumer.kafka_away")
        self._retrying = Outage("licet.consuming", "consumer.retrying")
        self._checked: dict[str, int] = {}
        """At which rebalance of each member its positions were compared with the log."""

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop` is set, then finish the batches in hand and leave the groups.

        Retries while Kafka is away; raises `Stuck` when a consumer has work and makes no progress.
        """
        self._stop = stop
        backoff = Backoff(0.5, _LONGEST_BACKOFF)
        while not stop.is_set():
            broker = self._broker()
            answered = False
            try:
                await self._positions.start(self._members)
                answered = True
                await self._start(broker)
                self.connected = not stop.is_set()
                self.problem = None
                self._away.over()
                backoff.reset()
                await self._watch(stop)
            except Stuck:
                raise
            except Ended as error:
                self.problem = str(error)
                _log.warning("consumer.ended", reason=str(error)[:300])
                await wait_for_stop(stop, backoff.next())
            except Exception as error:  # noqa: BLE001  # Kafka or the database is away, or not as it should be
                pause = backoff.next()
                if answered:
                    self.problem = f"the consumers can't be started: {type(error).__name__}: {error}"[:300]
                self._away.failed(type(error).__name__, detail=str(error)[:300], retry_in=round(pause, 2))
                await wait_for_stop(stop, pause)
            finally:
                self.connected = False
                await self._end(broker)

    def _broker(self) -> KafkaBroker:
        broker = KafkaBroker(
            self._kafka.url, security=self._kafka.broker_security(), client_id=f"licet-{self._service}",
            graceful_timeout=_FINISH_SECONDS,
            logger=logging.getLogger("licet.faststream"), log_level=logging.DEBUG,
            allow_auto_create_topics=False, apply_types=False,
        )  # fmt: skip
        self._members = [Member(dispatcher) for dispatcher in self._dispatchers]
        self._greeted.clear()
        self._checked.clear()
        for member in self._members:
            self._subscribe(broker, member)
        refuse_automatic_acks(broker)
        return broker

    def _subscribe(self, broker: KafkaBroker, member: Member) -> None:
        consumer = member.dispatcher.consumer

        async def parse(records: Any) -> KafkaMessage:
            # Never raises, so that no record is skipped before we have seen it.
            member.unanswered.append(records)
            return KafkaMessage(raw_message=records, body=b"", consumer=member.consumer)

        async def decode(message: Any) -> Any:
            return message.raw_message

        member.subscriber = subscriber = broker.subscriber(
            *consumer.topics, group_id=f"licet-{self._service}.{consumer.name}", batch=True,
            batch_timeout_ms=50, max_records=500, auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL, parser=parse, decoder=decode, listener=member,
            isolation_level="read_committed",
            session_timeout_ms=6_000, heartbeat_interval_ms=2_000, max_poll_interval_ms=300_000,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )  # fmt: skip

        @subscriber
        async def read(records: Any) -> None:
            await self._read(member, records)

    async def _start(self, broker: KafkaBroker) -> None:
        """Start the consumers and wait until they have joined; a stop ends the wait.

        Their own start waits for the group without a bound.
        """
        starting = asyncio.create_task(broker.start())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait(
                {starting, stopping}, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if starting.done():
                starting.result()
            elif not self._stop.is_set():
                raise TimeoutError("the consumers could not join their groups")
        finally:
            stopping.cancel()
            starting.cancel()
            await asyncio.wait({starting, stopping})

    async def _end(self, broker: KafkaBroker) -> None:
        """Finish what is in hand, all consumers at once, and leave the groups."""
        await asyncio.gather(*(_bounded(member.committed(), COMMIT_SECONDS) for member in self._members))
        await asyncio.gather(
            *(_bounded(member.subscriber.stop(), _FINISH_SECONDS + 5) for member in self._members)
        )
        await _bounded(broker.stop(), 5)

    async def _read(self, member: Member, records: Sequence[Any]) -> None:
        """Handle a batch and commit it. Returns without a commit only when the process stops."""
        if self._stop.is_set():
            return
        if len(member.unanswered) > 1:
            # FastStream swallows what is raised around a handler. The batch before this one was never
            # finished, and a commit now would skip it: go back to it.
            _log.error("consumer.batch_dropped", consumer=member.name)
            member.rewind()
            return
        member.in_hand = True
        rebalances = member.rebalances
        try:
            raws = [Raw(r.topic, r.partition, r.offset, r.key, tuple(r.headers), r.value) for r in records]
            if not await self._handle(member, raws):
                return
            # After a rebalance another member may have committed further than this. The batch is noted as
            # done and will be recognised if it comes again.
            if member.rebalances == rebalances:
                ends = {TopicPartition(raw.topic, raw.partition): raw.offset + 1 for raw in raws}
                member.offsets.update(ends)
                member.commit(ends)
                if self._stop.is_set():
                    await member.committed()
            member.unanswered.clear()
        finally:
            member.in_hand = False

    async def _handle(self, member: Member, raws: Sequence[Raw]) -> bool:
        backoff = Backoff(0.2, _LONGEST_BACKOFF)
        while True:
            member.attempt_since = monotonic()
            try:
                await self._positions.check(member, raws, self._members)
                await member.dispatcher.handle(raws, self._positions.cluster_id)
            except Exception as error:  # noqa: BLE001  # a batch is never skipped, whatever it raised
                pause = backoff.next()
                self._retrying.failed(
                    type(error).__name__, consumer=member.name, detail=str(error)[:300],
                    its_fault=not isinstance(error, NOT_ITS_FAULT), retry_in=round(pause, 2),
                )  # fmt: skip
                if await wait_for_stop(self._stop, pause):
                    # Uncommitted: whoever gets the partitions next reads the batch again.
                    return False
            else:
                self._retrying.over()
                return True

    async def lag(self) -> int:
        """Return how many records of the assigned partitions are not handled yet.

        A consumer that has not joined its group counts as one record behind. Raises `KafkaError` or
        `TimeoutError` while Kafka is away.
        """
        if not self._members:
            return len(self._dispatchers)
        return sum([await member.lag() for member in self._members])

    async def _watch(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set; raise `Stuck` when a consumer that lags stands still."""
        touched = monotonic()
        while not await wait_for_stop(stop, self._watch_every):
            try:
                if monotonic() - touched > _TOUCH_EVERY:
                    touched = monotonic()
                    await self._positions.touch(self._members)
                for member in self._members:
                    await self._watchdog.check(member)
                    await self._compare(member)
                    await self._greet(member)
            except (KafkaError, *TRANSIENT) as error:
                # The broker or the database is away: that is not being stuck.
                _log.info("consumer.watch_failed", error=type(error).__name__)
                for member in self._members:
                    member.suspected_since = None

    async def _compare(self, member: Member) -> None:
        rebalances = member.rebalances
        if not member.joined or self._checked.get(member.name) == rebalances:
            return
        await self._positions.compare(member)
        self._checked[member.name] = rebalances

    async def _greet(self, member: Member) -> None:
        rebalances = member.rebalances
        if self._on_joined is None or not member.joined or self._greeted.get(member.name) == rebalances:
            return
        await self._on_joined(member.consumer)
        self._greeted[member.name] = rebalances


def refuse_automatic_acks(broker: KafkaBroker) -> None:
    """Raise `AutomaticAck` if a subscriber of the broker would acknowledge other than by hand."""
    for subscriber in broker.subscribers:
        if getattr(subscriber, "ack_policy", None) is not AckPolicy.MANUAL:
            raise AutomaticAck(f"{subscriber} must acknowledge by hand (AckPolicy.MANUAL)")


async def _bounded(work: Coroutine[Any, Any, object], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except Exception as error:  # noqa: BLE001  # it is over in any case
        _log.warning("consumer.stop_failed", error=type(error).__name__)
