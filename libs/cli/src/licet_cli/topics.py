"""Topics of a cluster against the reviewed file: what is missing, what differs, and making it so."""

import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from licet_cli.client import CommandFailed
from licet_events import Topic

_SET_ON_THE_TOPIC = 1
"""The source of a value that was set for the topic itself, in Kafka's DescribeConfigs answer."""


@dataclass(frozen=True)
class WantedTopic:
    """A topic as the file asks for it."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]


@dataclass(frozen=True)
class PresentTopic:
    """A topic as the cluster has it."""

    partitions: int
    replication: int
    config: dict[str, str]
    """Every setting that is in force, the cluster's defaults among them."""
    own: dict[str, str]
    """Those that were set for this topic."""


@dataclass(frozen=True)
class Change:
    """What has to be done to one topic."""

    words: str
    create: WantedTopic | None = None
    configure: tuple[str, dict[str, str]] | None = None
    """The topic and all settings of its own from now on."""
    refused: bool = False


def read(file: Path, replication: int | None = None) -> list[WantedTopic]:
    """Return the topics of the file, with `replication` copies if given.

    Raises `ValueError` where it can't be read, or where it and the contract disagree.
    """
    document = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    try:
        return _wanted(document, replication)
    except KeyError as missing:
        raise ValueError(f"{missing} is missing") from None


def _wanted(document: dict[str, Any], replication: int | None) -> list[WantedTopic]:
    if unknown := sorted(set(document["topics"]) - set(Topic)):
        raise ValueError(f"{', '.join(unknown)} is no topic of the contract")
    copies = replication or int(document["defaults"]["replication_factor"])
    wanted = []
    for topic in Topic:
        entry = document["topics"][topic.value]
        if entry["partitions"] != topic.partitions:
            raise ValueError(
                f"{topic} has {entry['partitions']} partitions, the contract says {topic.partitions}"
            )
        config = document["defaults"]["config"] | document["kinds"][entry["kind"]]
        if ("compact" in config["cleanup.policy"]) != topic.compacted:
            raise ValueError(f"{topic} is {entry['kind']}, the contract says {topic.kept}")
        # With one copy away, records that all others have are still taken.
        config["min.insync.replicas"] = str(max(1, copies - 1))
        wanted.append(WantedTopic(topic.value, topic.partitions, copies, config))
    return wanted


def compare(wanted: Sequence[WantedTopic], present: dict[str, PresentTopic]) -> list[Change]:
    """Return what has to be done, one entry a topic that is not as the file says."""
    return [change for topic in wanted if (change := _change(topic, present.get(topic.name))) is not None]


def _change(wanted: WantedTopic, present: PresentTopic | None) -> Change | None:
    count = f"{wanted.partitions} partition{'s' if wanted.partitions > 1 else ''}"
    if present is None:
        return Change(f"create {wanted.name} with {count}", create=wanted)
    if present.partitions != wanted.partitions:
        return Change(
            f"{wanted.name} has {present.partitions} partitions and must have {wanted.partitions}; "
            "that can't be changed without losing the order per key",
            refused=True,
        )
    if present.replication != wanted.replication:
        # Asking for more copies in sync than there are would stop every write.
        return Change(
            f"{wanted.name} has replication factor {present.replication}, not the {wanted.replication} "
            "asked for; move it with kafka-reassign-partitions, or ask for what it has by --replication",
            refused=True,
        )
    differing = [
        f"{name} {present.config.get(name)} -> {value}"
        for name, value in sorted(wanted.config.items())
        if present.config.get(name) != value
    ]
    if not differing:
        return None
    return Change(
        f"set {wanted.name}: {', '.join(differing)}", configure=(wanted.name, present.own | wanted.config)
    )


async def look(kafka_url: str, names: Sequence[str]) -> dict[str, PresentTopic]:
    """Return those of the topics that the cluster has; raises `CommandFailed` if it does not answer."""
    async with _admin(kafka_url) as admin:
        known = sorted(set(names) & set(await admin.list_topics()))
        if not known:
            return {}
        described = {item["topic"]: item["partitions"] for item in await admin.describe_topics(known)}
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in known]
        configs: dict[str, list[Any]] = {}
        for answer in await admin.describe_configs(asked):
            for code, message, _, name, entries in answer.resources:
                if code:
                    raise CommandFailed(f"Kafka does not tell the settings of {name}: {message or code}.")
                configs[name] = entries
    return {
        name: PresentTopic(
            partitions=len(described[name]),
            replication=max(len(partition["replicas"]) for partition in described[name]),
            config={entry[0]: entry[1] for entry in configs[name]},
            own={entry[0]: entry[1] for entry in configs[name] if entry[3] == _SET_ON_THE_TOPIC},
        )
        for name in known
    }


async def apply(kafka_url: str, changes: Sequence[Change]) -> None:
    """Do what `compare` returned; raises `CommandFailed` with what the cluster refused."""
    async with _admin(kafka_url) as admin:
        new = [
            NewTopic(t.name, t.partitions, t.replication, topic_configs=t.config)
            for change in changes
            if (t := change.create) is not None
        ]
        # The one call of aiokafka's that changes settings replaces all of a topic's own.
        set_anew = [
            ConfigResource(ConfigResourceType.TOPIC, change.configure[0], configs=change.configure[1])
            for change in changes
            if change.configure is not None
        ]
        failed: list[str] = []
        if new:
            answer = await admin.create_topics(new)
            failed += [f"{error[0]}: {error[2] or error[1]}" for error in answer.topic_errors if error[1]]
        if set_anew:
            for altered in await admin.alter_configs(set_anew):
                failed += [f"{item[3]}: {item[1] or item[0]}" for item in altered.resources if item[0]]
    if failed:
        raise CommandFailed(f"Kafka refused: {'; '.join(failed)}.")


@asynccontextmanager
async def _admin(kafka_url: str) -> AsyncIterator[AIOKafkaAdminClient]:
    try:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_url, request_timeout_ms=20_000)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()
    except KafkaError as error:
        raise CommandFailed(f"Kafka at {kafka_url}: {error}.") from error
