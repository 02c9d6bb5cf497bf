"""`licet topics` on Apache Kafka; librdkafka's mock broker has no settings of topics to look at."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from typer.testing import CliRunner, Result

from licet_cli.client import CommandFailed
from licet_cli.commands.topics import app
from licet_cli.embedded.errors import EmbeddedError
from licet_cli.embedded.given import require_topics
from licet_cli.embedded.ports import free_port
from licet_cli.topics import PresentTopic, look, read
from licet_events import Topic
from support.servers.kafka import KafkaServer

FILE = Path(__file__).parents[3] / "deploy" / "topics.toml"
NAMES = [topic.value for topic in Topic]


@pytest.fixture
def apache(kafka_server: KafkaServer) -> Iterator[KafkaServer]:
    """Apache Kafka without the contract's topics."""
    asyncio.run(_remove_topics(kafka_server))
    yield kafka_server
    asyncio.run(_remove_topics(kafka_server))


@pytest.mark.only_on("apache")
def test_apply_makes_every_topic_with_the_settings_of_the_file(apache):
    applied = _licet("apply", apache)
    assert applied.exit_code == 0
    assert applied.stderr.count("create licet.") == len(Topic)
    present = _wait_for_topics(apache)
    for wanted in read(FILE):
        found = present[wanted.name]
        assert (found.partitions, found.replication) == (wanted.partitions, wanted.replication)
        assert wanted.config.items() <= found.config.items()


@pytest.mark.only_on("apache")
def test_a_second_apply_has_nothing_to_do(apache):
    _licet("apply", apache)
    before = _wait_for_topics(apache)
    again = _licet("apply", apache)
    assert (again.exit_code, again.stderr.strip()) == (0, "nothing to do: the topics are as the file says")
    assert _look(apache) == before


@pytest.mark.only_on("apache")
def test_a_plan_says_the_same_as_apply_and_changes_nothing(apache):
    planned = _licet("plan", apache)
    assert planned.exit_code == 0
    assert _look(apache) == {}
    assert planned.stderr == _licet("apply", apache).stderr


@pytest.mark.only_on("apache")
def test_a_retention_that_was_changed_is_set_again_and_other_settings_stay(apache):
    _licet("apply", apache)
    own = _wait_for_topics(apache)[Topic.SCHEDULE].own
    asyncio.run(
        _alter(apache, Topic.SCHEDULE, own | {"retention.ms": "1000", "file.delete.delay.ms": "5000"})
    )
    _until(apache, lambda present: present[Topic.SCHEDULE].config["retention.ms"] == "1000")
    applied = _licet("apply", apache)
    assert (applied.exit_code, applied.stderr.strip()) == (
        0,
        "set licet.schedule.v1: retention.ms 1000 -> 2592000000",
    )
    present = _until(apache, lambda present: present[Topic.SCHEDULE].config["retention.ms"] == "2592000000")
    assert present[Topic.SCHEDULE].config["file.delete.delay.ms"] == "5000"


@pytest.mark.only_on("apache")
def test_another_partition_count_is_refused_and_nothing_is_done(apache):
    asyncio.run(apache.create_topic(Topic.SCHEDULE, partitions=3))
    for command in ("plan", "apply"):
        refused = _licet(command, apache)
        assert refused.exit_code == 1
        assert "licet.schedule.v1 has 3 partitions and must have 12" in refused.stderr
        assert set(_look(apache)) == {Topic.SCHEDULE}


@pytest.mark.only_on("apache")
def test_a_run_on_a_given_kafka_names_the_topics_that_are_missing_and_makes_none(apache):
    with pytest.raises(
        EmbeddedError, match=r"(?s)create licet\.holders\.v1 .*Nothing was started.*topics apply"
    ):
        require_topics(apache.bootstrap, FILE)
    assert _look(apache) == {}
    _licet("apply", apache)
    _wait_for_topics(apache)
    require_topics(apache.bootstrap, FILE)


@pytest.mark.only_on("apache")
def test_another_number_of_copies_is_refused(apache):
    _licet("apply", apache)
    before = _wait_for_topics(apache)
    refused = _licet("apply", apache, "--replication", "3")
    assert refused.exit_code == 1
    assert "has replication factor 1, not the 3 asked for" in refused.stderr
    assert _look(apache) == before


@pytest.mark.only_on("apache")
def test_what_the_cluster_refuses_is_told(apache):
    with pytest.raises(CommandFailed, match=r"Kafka refused: licet\.holders\.v1: .*replication factor"):
        CliRunner().invoke(
            app,
            ["apply", "--file", str(FILE), "--kafka", apache.bootstrap, "--replication", "3"],
            catch_exceptions=False,
        )
    assert _look(apache) == {}


def test_a_cluster_that_does_not_answer_is_told_in_a_sentence():
    with pytest.raises(CommandFailed, match=r"Kafka at 127\.0\.0\.1:\d+: .*Unable to bootstrap"):
        asyncio.run(look(f"127.0.0.1:{free_port()}", NAMES))


def _licet(command: str, kafka: KafkaServer, *options: str) -> Result:
    return CliRunner().invoke(app, [command, "--file", str(FILE), "--kafka", kafka.bootstrap, *options])


def _look(kafka: KafkaServer) -> dict[str, PresentTopic]:
    return asyncio.run(look(kafka.bootstrap, NAMES))


def _wait_for_topics(kafka: KafkaServer) -> dict[str, PresentTopic]:
    counts = {topic.value: topic.partitions for topic in Topic}
    return _until(kafka, lambda present: {n: t.partitions for n, t in present.items()} == counts)


def _until(kafka: KafkaServer, holds: Callable[[dict[str, PresentTopic]], bool]) -> dict[str, PresentTopic]:
    """Return the topics once the broker has heard of what the controller has done.

    A broker whose heartbeats are late on a busy machine shows no topics for a while.
    """
    deadline = time.monotonic() + 30
    while not ((present := _look(kafka)) and holds(present)):
        assert time.monotonic() < deadline, present
        time.sleep(0.05)
    return present


async def _alter(kafka: KafkaServer, topic: str, config: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=config)])
    finally:
        await admin.close()


async def _remove_topics(kafka: KafkaServer) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics(NAMES)
        deadline = time.monotonic() + 30
        while set(NAMES) & set(await admin.list_topics()):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    finally:
        await admin.close()
