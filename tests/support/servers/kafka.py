"""A Kafka-protocol broker for tests: librdkafka's mock cluster, or Apache Kafka."""

import asyncio
import os
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Literal

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError

from licet_cli.embedded.kafka import MockBroker
from licet_cli.embedded.ports import free_port
from licet_events.topics import Topic
from support.servers.apache_kafka import ApacheKafka
from support.servers.choice import Unavailable, way
from support.servers.containers import Container


class KafkaServer(ABC):
    """A broker. What tests put on it stays until `reset_topics` or the session's end."""

    kind: Literal["mock", "apache"] = "apache"

    @property
    @abstractmethod
    def bootstrap(self) -> str:
        """Where clients connect: `host:port`, several separated by commas."""

    async def create_topics(self) -> None:
        """Make the contract's topics with their partition counts; those that exist stay as they are."""
        await self._create([NewTopic(t.value, t.partitions, 1, topic_configs=_configs(t)) for t in Topic])

    async def create_topic(self, name: str, partitions: int = 1) -> None:
        """Make one topic of the test's own; nothing happens if it exists."""
        await self._create([NewTopic(name, partitions, 1)])

    async def list_topics(self) -> list[str]:
        """Return the names of all topics."""
        admin = await self._admin()
        try:
            return list(await admin.list_topics())
        finally:
            await admin.close()

    async def reset_topics(self) -> None:
        """Remove the contract's topics with everything on them, and make them anew.

        Stop your clients before: a consumer that is still there sees offsets go back.
        """
        admin = await self._admin()
        try:
            await admin.delete_topics([topic.value for topic in Topic])
        finally:
            await admin.close()
        await self.create_topics()

    @abstractmethod
    async def down(self) -> None:
        """Take the broker away: connections break, new ones are refused. Records stay."""

    @abstractmethod
    async def up(self) -> None:
        """Bring it back at the same address, and wait until it answers."""

    @property
    def mock(self) -> MockBroker:
        """The mock cluster, with its injection of errors and latency; such tests are `only_on("mock")`."""
        raise TypeError("errors can be injected into the mock broker only")

    def close(self) -> None:  # noqa: B027  # there may be nothing to end
        """End what this session started."""

    async def _create(self, topics: list[NewTopic]) -> None:
        admin = await self._admin()
        try:
            # One by one: aiokafka raises on the first refusal of a batch.
            for topic in topics:
                deadline = time.monotonic() + 30
                while True:
                    answer = await admin.create_topics([topic])
                    code = answer.topic_errors[0][1]
                    if code in (0, TopicAlreadyExistsError.errno):
                        break
                    if time.monotonic() > deadline:
                        raise Unavailable(f"Kafka refused topic {topic.name}: {answer}")
                    await asyncio.sleep(0.1)
            await _visible(admin, {topic.name: topic.num_partitions for topic in topics})
        finally:
            await admin.close()

    async def _admin(self) -> AIOKafkaAdminClient:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=10_000)
        await admin.start()
        return admin

    async def _answers(self, bound: float = 60.0) -> None:
        deadline = time.monotonic() + bound
        while True:
            try:
                # A plain connection first: aiokafka logs an error for each that is refused.
                host, port = self.bootstrap.split(",")[0].rsplit(":", 1)
                _, writer = await asyncio.open_connection(host, int(port))
                writer.close()
                admin = await self._admin()
                try:
                    await admin.describe_cluster()
                finally:
                    await admin.close()
            except (KafkaError, OSError, UnknownTopicOrPartitionError) as error:
                if time.monotonic() > deadline:
                    raise Unavailable(f"Kafka at {self.bootstrap} does not answer: {error}") from error
                await asyncio.sleep(0.2)
            else:
                return


class GivenKafka(KafkaServer):
    """A broker that somebody else runs: `LICET_TEST_KAFKA_URL`, with the right to make topics."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap.removeprefix("kafka://")

    @property
    def bootstrap(self) -> str:
        return self._bootstrap

    async def down(self) -> None:
        pytest.skip("a Kafka given by URL can't be taken down by a test")

    async def up(self) -> None:
        pytest.skip("a Kafka given by URL can't be brought up by a test")


class MockKafka(KafkaServer):
    """librdkafka's mock cluster in this process."""

    kind = "mock"

    def __init__(self) -> None:
        self._broker = MockBroker()
        self._bootstrap = self._broker.bootstrap

    @property
    def bootstrap(self) -> str:
        return self._bootstrap

    @property
    def mock(self) -> MockBroker:
        return self._broker

    async def create_topics(self) -> None:
        self._broker.create_topics()

    async def create_topic(self, name: str, partitions: int = 1) -> None:
        self._broker.create_topic(name, partitions)

    async def reset_topics(self) -> None:
        for topic in Topic:
            self._broker.delete_topic(topic.value)
        await self.create_topics()

    async def down(self) -> None:
        self._broker.set_down()

    async def up(self) -> None:
        self._broker.set_up()

    def close(self) -> None:
        self._broker.close()


class ProcessKafka(KafkaServer):
    """Apache Kafka as a process on this machine."""

    def __init__(self, directory: Path) -> None:
        self._process = ApacheKafka(directory)
        self._process.start()
        asyncio.run(self._answers())

    @property
    def bootstrap(self) -> str:
        return self._process.bootstrap

    async def down(self) -> None:
        self._process.kill()

    async def up(self) -> None:
        self._process.start()
        await self._answers()

    def close(self) -> None:
        self._process.stop()


class ContainerKafka(KafkaServer):
    """Apache Kafka in a container."""

    def __init__(self) -> None:
        self._port = free_port()
        self._container = Container(
            "apache/kafka:4.3.1",
            ports={9092: self._port},
            environment={
                "KAFKA_NODE_ID": "1",
                "KAFKA_PROCESS_ROLES": "broker,controller",
                "KAFKA_LISTENERS": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://localhost:9093",
                "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{self._port}",
                "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
                "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
                "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
                "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
                "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
                "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
                "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
                "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
                "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
            },
        )
        try:
            asyncio.run(self._answers())
        except Unavailable as error:
            said = self._container.logs()
            self._container.close()
            raise Unavailable(f"{error}\n{said}") from error

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def down(self) -> None:
        self._container.stop()

    async def up(self) -> None:
        self._container.start()
        await self._answers()

    def close(self) -> None:
        self._container.close()


async def _visible(admin: AIOKafkaAdminClient, partitions: dict[str, int], bound: float = 30.0) -> None:
    """Wait until every partition has a leader: the controller tells the brokers a moment later."""
    deadline = time.monotonic() + bound
    while True:
        described = await admin.describe_topics(list(partitions))
        led = {
            topic["topic"]: sum(1 for partition in topic["partitions"] if partition["leader"] >= 0)
            for topic in described
        }
        if led == partitions:
            return
        if time.monotonic() > deadline:
            raise Unavailable(f"topics have not appeared in {bound:.0f} s: {led}")
        await asyncio.sleep(0.05)


def _configs(topic: Topic) -> dict[str, str]:
    return {"cleanup.policy": "compact" if topic.compacted else "delete"}


def make_kafka(directory: Path) -> KafkaServer:
    """Return the broker that this session's settings ask for."""
    if url := os.environ.get("LICET_TEST_KAFKA_URL"):
        return GivenKafka(url)
    chosen = way()
    if chosen == "containers":
        return ContainerKafka()
    if chosen == "real":
        return ProcessKafka(directory)
    return MockKafka()
