"""deploy/topics.toml against the contract, and what `licet topics` makes of a cluster that differs."""

from dataclasses import replace
from pathlib import Path

import pytest

from licet_cli.topics import PresentTopic, WantedTopic, compare, read
from licet_events import Topic

FILE = Path(__file__).parents[3] / "deploy" / "topics.toml"
DAY = 24 * 60 * 60 * 1000


def _present(wanted: WantedTopic) -> PresentTopic:
    return PresentTopic(wanted.partitions, wanted.replication, dict(wanted.config), dict(wanted.config))


def _edited(tmp_path: Path, old: str, new: str) -> Path:
    text = FILE.read_text(encoding="utf-8")
    assert text.count(old) >= 1
    edited = tmp_path / "topics.toml"
    edited.write_text(text.replace(old, new, 1), encoding="utf-8")
    return edited


def test_every_topic_of_the_contract_is_in_the_file_with_its_partition_count():
    assert {t.name: t.partitions for t in read(FILE)} == {t.value: t.partitions for t in Topic}


@pytest.mark.parametrize("topic", list(Topic))
def test_a_topic_is_kept_as_long_as_the_contract_says(topic):
    config = next(t.config for t in read(FILE) if t.name == topic)
    if topic.compacted:
        assert (
            topic.kept == "compacted: every event stays at least 7 days, the last state of each key for ever"
        )
        assert config["cleanup.policy"] == "compact"
        assert int(config["min.compaction.lag.ms"]) == 7 * DAY
    else:
        days = int(config["retention.ms"]) // DAY
        assert config["cleanup.policy"] == "delete"
        assert topic.kept == f"kept for {days} days"


@pytest.mark.parametrize(("replication", "in_sync"), [(None, "1"), (1, "1"), (2, "1"), (3, "2")])
def test_one_replica_may_be_down_without_stopping_writes(replication, in_sync):
    assert {t.config["min.insync.replicas"] for t in read(FILE, replication)} == {in_sync}
    assert {t.replication for t in read(FILE, replication)} == {replication or 1}


def test_a_file_with_another_partition_count_is_refused(tmp_path):
    edited = _edited(tmp_path, "partitions = 12", "partitions = 6")
    with pytest.raises(ValueError, match="has 6 partitions, the contract says 12"):
        read(edited)


def test_a_file_whose_retention_differs_from_the_contract_is_refused(tmp_path):
    edited = _edited(tmp_path, 'kind = "compacted"', 'kind = "kept_30_days"')
    with pytest.raises(ValueError, match="is kept_30_days, the contract says compacted"):
        read(edited)


def test_a_file_with_a_topic_too_many_or_too_few_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holders\.v9 is no topic of the contract"):
        read(_edited(tmp_path, "licet.holders.v1", "licet.holders.v9"))
    with pytest.raises(ValueError, match="'partitions' is missing"):
        read(_edited(tmp_path, "partitions = 12", ""))


def test_a_cluster_that_matches_the_file_needs_no_change():
    wanted = read(FILE)
    assert compare(wanted, {t.name: _present(t) for t in wanted}) == []


def test_a_differing_setting_is_set_and_other_settings_stay():
    wanted = read(FILE)
    present = {t.name: _present(t) for t in wanted}
    schedule = present[Topic.SCHEDULE]
    schedule.config.update({"retention.ms": "1", "local.retention.ms": "5"})
    schedule.own.update({"retention.ms": "1", "local.retention.ms": "5"})
    (change,) = compare(wanted, present)
    assert change.words == "set licet.schedule.v1: retention.ms 1 -> 2592000000"
    assert change.configure is not None
    name, settings = change.configure
    assert (name, settings["retention.ms"], settings["local.retention.ms"]) == (
        Topic.SCHEDULE,
        "2592000000",
        "5",
    )


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"partitions": 6}, "has 6 partitions and must have 12"),
        ({"replication": 3}, "has replication factor 3"),
    ],
)
def test_another_count_of_partitions_or_replicas_is_refused(other, words):
    wanted = read(FILE)
    present = {t.name: _present(t) for t in wanted}
    present[Topic.HOLDERS] = replace(present[Topic.HOLDERS], **other)
    (change,) = compare(wanted, present)
    assert change.refused
    assert words in change.words
    assert change.create is None
    assert change.configure is None
