"""Topics of a cluster against the reviewed file: what is missing, what differs, and making it so."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from licet_events import Topic


@dataclass(frozen=True)
class WantedTopic:
    """A topic as the file asks for it."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]


@dataclass(frozen=True)
class Change:
    """What has to be done to one topic."""

    words: str
    create: WantedTopic | None = None
    configure: WantedTopic | None = None
    refused: bool = False


def read(file: Path, replication: int) -> list[WantedTopic]:
    """Return the topics of the file; raises `ValueError` where it and the contract disagree."""
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    wanted = []
    for topic in Topic:
        entry = document["topics"][topic.value]
        if entry["partitions"] != topic.partitions:
            raise ValueError(
                f"{topic} has {entry['partitions']} partitions, the contract says {topic.partitions}"
            )
        config = document["defaults"]["config"] | document["kinds"][entry["kind"]]
        config["min.insync.replicas"] = str(max(1, replication - 1))
        wanted.append(WantedTopic(topic.value, topic.partitions, replication, config))
    return wanted


async def compare(kafka_url: str, wanted: list[WantedTopic]) -> list[Change]:
    """Return what has to be done on the cluster, one entry a topic that is not as the file says."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_url)
    await admin.start()
    try:
        present = set(await admin.list_topics())
        known = [topic.name for topic in wanted if topic.name in present]
        described = (
            {item["topic"]: len(item["partitions"]) for item in await admin.describe_topics(known)}
            if known
            else {}
        )
        configs = await _configs(admin, known)
    finally:
        await admin.close()
    changes = []
    for topic in wanted:
        if topic.name not in described:
            changes.append(Change(f"create {topic.name} with {topic.partitions} partitions", create=topic))
        elif described[topic.name] != topic.partitions:
            changes.append(
                Change(
                    f"{topic.name} has {described[topic.name]} partitions and must have {topic.partitions}; "
                    "that can't be changed without losing the order per key",
                    refused=True,
                )
            )
        else:
            differing = sorted(
                name for name, value in topic.config.items() if configs[topic.name].get(name) != value
            )
            if differing:
                changes.append(Change(f"set {', '.join(differing)} of {topic.name}", configure=topic))
    return changes


async def carry_out(kafka_url: str, changes: list[Change]) -> None:
    """Do what `compare` returned; raises `RuntimeError` with what the broker refused."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_url)
    await admin.start()
    try:
        new = [
            NewTopic(t.name, t.partitions, t.replication, topic_configs=t.config)
            for change in changes
            if (t := change.create) is not None
        ]
        if new:
            answer = await admin.create_topics(new)
            failed = [f"{error[0]}: {error[2] or error[1]}" for error in answer.topic_errors if error[1] != 0]
            if failed:
                raise RuntimeError("; ".join(failed))
        configured = [
            ConfigResource(ConfigResourceType.TOPIC, t.name, configs=t.config)
            for change in changes
            if (t := change.configure) is not None
        ]
        if configured:
            await admin.alter_configs(configured)
    finally:
        await admin.close()


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    found: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    ):
        for _, _, _, name, entries in answer.resources:
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found
