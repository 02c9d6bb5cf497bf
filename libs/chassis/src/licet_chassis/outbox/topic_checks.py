"""Whether a topic is there and as wide as the contract says, before its first row is sent."""

import asyncio
from collections.abc import Callable

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from licet_chassis.outbox.topics_held import TopicsHeld

_log = structlog.get_logger("licet.outbox")
_CHECK_SECONDS = 10.0


class TopicChecks:
    """Checks the topics of one producer after the other, each in a task: a missing one answers slowly.

    A topic that failed its check is left alone for a while, and its rows wait; others go on.
    """

    def __init__(self, partitions: Callable[[str], int]) -> None:
        self._partitions = partitions
        self._running: dict[str, asyncio.Task[None]] = {}
        self.held = TopicsHeld()
        self.partitions_of: dict[str, int] = {}
        """Topics that passed, and their number of partitions."""

    def restart(self) -> None:
        """Check every topic again: there is a new producer, and perhaps another cluster."""
        self.partitions_of.clear()

    def passed_over(self) -> set[str]:
        """Return the topics whose rows are not to be read now."""
        return self.held.now() | self._running.keys()

    def start(self, producer: AIOKafkaProducer, topic: str) -> None:
        """Begin to check a topic, unless its check is under way."""
        if topic not in self._running:
            self._running[topic] = asyncio.create_task(self._check(producer, topic))

    def take_running(self) -> list[asyncio.Task[None]]:
        """Return the checks under way, which the caller ends, and forget them."""
        running = list(self._running.values())
        self._running.clear()
        return running

    async def _check(self, producer: AIOKafkaProducer, topic: str) -> None:
        try:
            expected = self._partitions(topic)
            async with asyncio.timeout(_CHECK_SECONDS):
                # Asked by its name, a missing topic is made by brokers that create topics by themselves, with
                # settings of their own; so all are asked for.
                cluster = await producer.client.fetch_all_metadata()
                found = len(cluster.partitions_for_topic(topic) or ())
                if not found:
                    raise UnknownTopicOrPartitionError
                await producer.partitions_for(topic)  # so that the first batch does not wait for it
        except (KafkaError, TimeoutError, ValueError) as error:
            pause = self.held.hold(topic)
            _log.error(
                "outbox.topic_missing", topic=topic, error=type(error).__name__,
                remedy="create it: licet topics apply", retry_in=round(pause, 2),
            )  # fmt: skip
        else:
            if found >= expected:
                self.partitions_of[topic] = expected
            else:
                # Another count would send keys elsewhere than before, and lose their order.
                pause = self.held.hold(topic)
                _log.error(
                    "outbox.topic_too_narrow", topic=topic, partitions=found, expected=expected,
                    retry_in=round(pause, 2),
                )  # fmt: skip
        finally:
            self._running.pop(topic, None)
