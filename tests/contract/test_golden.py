"""What was once published is read for ever, and what is written today is what readers were promised."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.golden_files import Golden, goldens, latest
from licet_events import EVENT_TYPES, MalformedEvent, decode_event, encode
from licet_events.partition import partition_for
from licet_events.topics import Topic


def test_every_published_type_has_golden_bytes():
    assert {golden.event_type for golden in goldens()} == set(EVENT_TYPES)


@pytest.mark.parametrize("golden", latest(), ids=lambda golden: golden.path.stem)
def test_the_codec_writes_the_bytes_of_the_latest_golden_record(golden: Golden):
    record = encode(golden.decoded())
    assert record.headers == golden.header_bytes
    assert record.value == golden.value_bytes
    assert (record.topic, record.key) == (golden.topic, golden.key.encode())


@pytest.mark.parametrize("golden", goldens(), ids=lambda golden: golden.path.stem)
def test_every_golden_record_is_read_and_loses_nothing(golden: Golden):
    record = encode(golden.decoded())
    assert record.headers == golden.header_bytes
    assert (record.topic, record.key) == (golden.topic, golden.key.encode())
    assert_still_says(json.loads(golden.value or "null"), json.loads(record.value or b"null"))


ABSENT_MEANS = {
    "late_renewal": "from_completion",
    "month_end": "clamp",
    "number_comparison": "loose",
    "years": "every",
}
"""Fields that came later and are never null: what a record without them means."""


def assert_still_says(then: Any, now: Any) -> None:
    """Every member of `then` is in `now` with the same value; what `now` has besides is not set."""
    if isinstance(then, Mapping):
        for name in then:
            assert_still_says(then[name], now[name])
        assert not any(
            now[name] not in {None, ABSENT_MEANS.get(name)} if isinstance(now[name], str) else now[name]
            for name in now.keys() - then.keys()
        )
    elif isinstance(then, list):
        assert len(then) == len(now)
        for one, other in zip(then, now, strict=True):
            assert_still_says(one, other)
    else:
        assert then == now


@pytest.mark.parametrize("golden", goldens(), ids=lambda golden: golden.path.stem)
def test_a_record_goes_where_kafkas_own_partitioner_sends_its_partition_key(golden: Golden):
    key = dict(golden.header_bytes)["ce_partitionkey"]
    everywhere = list(range(Topic(golden.topic).partitions))
    assert DefaultPartitioner()(key, everywhere, everywhere) == golden.partition
    assert partition_for(key.decode(), len(everywhere)) == golden.partition


@pytest.mark.parametrize("golden", goldens(), ids=lambda golden: golden.path.stem)
def test_an_old_reader_reads_bytes_with_fields_it_does_not_know(golden: Golden):
    headers = (*golden.header_bytes, ("ce_addedlater", b"x"), ("other", b"\xff"))
    value = golden.value and json.dumps(_with_more(json.loads(golden.value))).encode()
    event = decode_event(headers, golden.key.encode(), value or None)
    assert event == golden.decoded()


def _with_more(value: Any, name: str = "") -> Any:
    if isinstance(value, list):
        return [_with_more(item) for item in value]
    if isinstance(value, dict) and name != "attributes":  # there any name is data
        return {**{n: _with_more(v, n) for n, v in value.items()}, "added_later": {"deep": [1]}}
    return value


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=10)
    | st.sampled_from(
        ["9999-12-31", "0001-01-01T00:00:00+14:00", "2026-02-30", 10**30, -1.5, [[]], {"": None}]
    )
)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_damaged_value_is_read_or_refused_and_does_no_other_harm(data: st.DataObject):
    golden = data.draw(st.sampled_from([golden for golden in goldens() if golden.value]))
    node = whole = json.loads(golden.value or "")
    while True:
        name = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[name], dict | list) or not node[name] or data.draw(st.booleans()):
            break
        node = node[name]
    node[name] = data.draw(LEAVES)
    with suppress(MalformedEvent):
        decode_event(golden.header_bytes, golden.key.encode(), json.dumps(whole).encode())


def test_a_field_that_was_lost_or_changed_is_noticed():
    with pytest.raises(KeyError):
        assert_still_says({"a": [{"b": 1}]}, {"a": [{}]})
    with pytest.raises(AssertionError):
        assert_still_says({"a": 1}, {"a": 2})
    with pytest.raises(AssertionError):
        assert_still_says({"a": 1}, {"a": 1, "new": "set"})
    assert_still_says({"a": 1}, {"a": 1, "new": None})
