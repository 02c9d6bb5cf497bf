"""Markers on compacted topics: one a partition, passed over by every reader."""

from datetime import UTC, datetime

import pytest

from licet_chassis.consuming.records import Raw, decode_raw
from licet_chassis.markers import Markers
from licet_events import Event, Topic, decode_event, encode
from licet_events.credentials import CredentialCreated
from licet_events.operations import TopicMarked
from licet_events.partition import partition_for


@pytest.mark.parametrize("topic", sorted(TopicMarked.topics()))
def test_there_is_a_marker_for_each_partition(topic):
    markers = TopicMarked.on_each_partition(topic, "credentials")
    assert [partition_for(each.partition_key, topic.partitions) for each in markers] == list(
        range(topic.partitions)
    )


def record(marker):
    now = datetime(2026, 3, 1, tzinfo=UTC)
    return encode(Event.of(marker, source="/licet/test", time=now, recorded_time=now, correlation_id="c"))


def test_a_marker_is_a_tombstone_of_a_key_of_its_own_and_readers_pass_it_over():
    made = record(TopicMarked(by="credentials", number=7, of=Topic.CREDENTIALS))
    assert (made.key, made.value, made.topic) == (b"marker/credentials/7", None, Topic.CREDENTIALS)
    assert decode_event(made.headers, made.key, made.value).data == TopicMarked(by="credentials", number=7)
    raw = Raw(made.topic, 3, 1, made.key, made.headers, made.value)
    assert decode_raw(raw, frozenset({CredentialCreated})) is None


async def test_a_round_is_written_when_it_is_time_and_not_before():
    class Database:
        service, rounds = "credentials", 0

        async def run(self, cause, work):
            self.rounds += 1

    database, now = Database(), [0.0]
    markers = Markers((Topic.HOLDERS,), database, None, every=3600, elapsed=lambda: now[0])  # type: ignore[arg-type]  # stand-ins
    found = []
    for now[0] in (0.0, 59.0, 60.0, 61.0, 3659.0, 3661.0):
        await markers.step()
        found.append(database.rounds)
    assert found == [0, 0, 1, 1, 1, 2]
