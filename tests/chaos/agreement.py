"""The checker: whether database, topics and objects of the credentials service say the same.

It judges what is there after the faults; it takes no part in them. Each sentence it returns is one promise
broken: a lost, doubled, reordered or phantom event, a state that is not the one published last, an image
without its objects, an object that nothing leads to.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from licet_cli.event_stream import Seen, follow
from licet_credentials.images.storage import DISPLAY, ORIGINAL, THUMBNAIL, all_keys, object_key
from licet_events import Topic
from licet_events.credentials import CredentialEvent
from licet_events.holders import HolderEvent


@dataclass
class Facts:
    """What was found in the three places."""

    versions: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    """By key: the type of event of each version, from the histories in the database."""
    current: dict[str, int] = field(default_factory=dict)
    """By key: the version of the state in the database."""
    terms: dict[str, frozenset[tuple[UUID, int]]] = field(default_factory=dict)
    """By key of a credential: the terms and revisions believed now."""
    unsent: int = 0
    """Rows of the outbox."""
    published: list[Seen] = field(default_factory=list)
    """The records on the topics, in order per partition."""
    wanted_objects: set[str] = field(default_factory=set)
    """Keys of the objects that images need."""
    expected_objects: set[str] = field(default_factory=set)
    """Keys of other objects that the service knows of and will collect."""
    objects: set[str] = field(default_factory=set)
    """Keys of the objects that are there."""


def disagreements(facts: Facts) -> list[str]:
    """Return what does not agree; empty if everything does."""
    return [*_in_the_database(facts), *_on_the_topics(facts), *_in_the_bucket(facts)]


def _in_the_database(facts: Facts) -> Iterable[str]:
    if facts.unsent:
        yield f"{facts.unsent} events were never sent"
    for key, version in facts.current.items():
        known = sorted(facts.versions[key])
        if known != list(range(1, version + 1)):
            yield f"{key} is at version {version}, its history has {known}"
    for key in facts.versions.keys() - facts.current.keys():
        yield f"{key} has a history and no state"


def _on_the_topics(facts: Facts) -> Iterable[str]:
    order: dict[str, list[int]] = defaultdict(list)
    last: dict[str, Any] = {}
    ids: dict[tuple[str, int], str] = {}
    for record in facts.published:
        if record.event is None:
            yield f"{record.topic} {record.partition}/{record.offset}: {record.error}"
            continue
        data = record.event.data
        if not isinstance(data, CredentialEvent | HolderEvent):
            continue
        told = facts.versions.get(data.key, {}).get(data.sequence)
        if told != data.event_type:
            yield f"phantom: {data.key} {data.sequence} is {data.event_type} on the topic, {told} in history"
        if ids.setdefault((data.key, data.sequence), str(record.event.id)) != str(record.event.id):
            yield f"doubled: {data.key} {data.sequence} was published under two ids"
        if data.sequence not in order[data.key]:
            order[data.key].append(data.sequence)
        last[data.key] = data
    yield from _lost_or_reordered(facts, order)
    yield from _other_terms(facts, last)


def _lost_or_reordered(facts: Facts, order: Mapping[str, list[int]]) -> Iterable[str]:
    for key, versions in facts.versions.items():
        told = order.get(key, [])
        missing = sorted(versions.keys() - set(told))
        if missing:
            yield f"lost: {key} versions {missing} are not on the topic"
        if told != sorted(told):
            yield f"reordered: {key} was published as {told}"


def _other_terms(facts: Facts, last: Mapping[str, Any]) -> Iterable[str]:
    for key, terms in facts.terms.items():
        if key in last:  # else it was lost, which is told already
            told = frozenset((term.id, term.revision) for term in last[key].credential.terms)
            if told != terms:
                yield f"{key} has other terms in the database than on the topic"


def _in_the_bucket(facts: Facts) -> Iterable[str]:
    for key in sorted(facts.wanted_objects - facts.objects):
        yield f"an image needs {key}, which is not there"
    for key in sorted(facts.objects - facts.wanted_objects - facts.expected_objects):
        yield f"orphan: nothing leads to {key}"


async def gather(database_url: str, kafka: str, s3: Any, bucket: str) -> Facts:
    """Look into database, topics and bucket."""
    facts = Facts()
    conn = await asyncpg.connect(database_url)
    try:
        await _read_database(conn, facts)
    finally:
        await conn.close()
    records = follow(kafka, (Topic.HOLDERS, Topic.CREDENTIALS), from_start=True, until_end=True)
    facts.published = [record async for record in records]
    facts.objects = await asyncio.to_thread(_keys, s3.client(), bucket)
    return facts


async def _read_database(conn: Any, facts: Facts) -> None:
    for row in await conn.fetch("select id, version from holders"):
        facts.current[str(row["id"])] = row["version"]
    for row in await conn.fetch("select holder_id, version, event_type from holder_history"):
        facts.versions[str(row["holder_id"])][row["version"]] = row["event_type"]
    for row in await conn.fetch("select id, holder_id, version from credentials"):
        facts.current[f"{row['holder_id']}/{row['id']}"] = row["version"]
    for row in await conn.fetch(
        "select credential_id, holder_id, version, event_type from credential_history"
    ):
        key = f"{row['holder_id']}/{row['credential_id']}"
        facts.versions[key][row["version"]] = row["event_type"]
    terms: dict[str, set[tuple[UUID, int]]] = defaultdict(set)
    for row in await conn.fetch(
        "select c.holder_id, t.credential_id, t.id, t.revision from terms t"
        " join credentials c on c.id = t.credential_id where t.known_until is null"
    ):
        terms[f"{row['holder_id']}/{row['credential_id']}"].add((row["id"], row["revision"]))
    facts.terms = {key: frozenset(found) for key, found in terms.items()}
    facts.unsent = await conn.fetchval("select count(*) from outbox")
    for row in await conn.fetch(
        "select sha256, generation, content_type, display_type, thumbnail_type from images"
    ):
        of = (row["sha256"], row["generation"])
        kept = {ORIGINAL: row["content_type"], DISPLAY: row["display_type"], THUMBNAIL: row["thumbnail_type"]}
        facts.wanted_objects |= {
            object_key(*of, name, kind) for name, kind in kept.items() if kind is not None
        }
    # What is looked at again some time is not forgotten.
    for row in await conn.fetch("select sha256, generation from image_objects where look_at is not null"):
        facts.expected_objects.update(all_keys(row["sha256"], row["generation"]))


def _keys(client: Any, bucket: str) -> set[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {entry["Key"] for page in pages for entry in page.get("Contents", ())}


def wait_until_agreed(service: Any, bound: float = 30.0) -> Facts:
    """Wait until everything has been sent, and return what was found; fails where it does not agree."""
    deadline = time.monotonic() + bound
    while True:
        facts = asyncio.run(gather(service.database_url, service.kafka, service.s3, service.bucket))
        found = disagreements(facts)
        if not found:
            return facts
        assert time.monotonic() < deadline, found[:20]
        time.sleep(0.2)
