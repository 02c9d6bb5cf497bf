"""An event becomes a CloudEvents record and comes back the same; what is not one is refused in words."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet_events import (
    EVENT_TYPES,
    Event,
    EventData,
    MalformedEvent,
    Record,
    Topic,
    UnknownEventType,
    decode_event,
    encode,
)
from licet_events.eligibility import EligibilityEnded
from licet_events.event import decode
from licet_events.holders import (
    FINAL_SEQUENCE,
    HolderErased,
    HolderKind,
    HolderRegistered,
    HolderState,
    HolderUpdated,
)
from licet_events.operations import BackfillFinished

HOLDER = UUID("0193f0a1-7a10-7c3e-9d2b-5f0a4c81a001")
NOW = datetime(2026, 3, 1, 9, 30, 0, 250000, tzinfo=UTC)


def registered(**more: Any) -> HolderRegistered:
    state = HolderState(
        id=HOLDER, version=3, kind=HolderKind.EMPLOYEE, name="Zoë", created_at=NOW, updated_at=NOW, **more
    )
    return HolderRegistered(holder=state)


def event_of(data: EventData, **attributes: Any) -> Event[EventData]:
    given_ones = {
        "source": "/licet/credentials",
        "time": NOW,
        "recorded_time": NOW,
        "correlation_id": "req-1",
    }
    return Event.of(data, **{**given_ones, **attributes})


def decoded(record: Record, **replaced: Any) -> Event[EventData]:
    parts: dict[str, Any] = {"headers": record.headers, "key": record.key, "value": record.value, **replaced}
    return decode_event(parts["headers"], parts["key"], parts["value"])


def with_header(record: Record, name: str, value: bytes | None) -> list[tuple[str, bytes | None]]:
    return [(n, value if n == name else v) for n, v in record.headers]


def test_attributes_travel_in_headers_and_data_in_the_value():
    event = event_of(registered(), causation_id="c-1", traceparent="00-ab-cd-01")
    record = encode(event)
    assert dict(record.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": str(event.id).encode(),
        "ce_source": b"/licet/credentials",
        "ce_type": b"licet.holder.registered.v1",
        "ce_subject": str(HOLDER).encode(),
        "ce_time": b"2026-03-01T09:30:00.250000Z",
        "ce_dataschema": b"urn:licet:schema:licet.holder.registered.v1",
        "ce_partitionkey": str(HOLDER).encode(),
        "ce_sequence": b"00000000000000000003",
        "ce_correlationid": b"req-1",
        "ce_causationid": b"c-1",
        "ce_recordedtime": b"2026-03-01T09:30:00.250000Z",
        "ce_traceparent": b"00-ab-cd-01",
        "content-type": b"application/json",
    }
    assert record.topic == Topic.HOLDERS
    assert record.key == str(HOLDER).encode()
    assert record.partition_key == str(HOLDER)
    assert record.value is not None
    assert b'"name":"Zo\xc3\xab"' in record.value


def test_an_event_comes_back_the_same():
    event = event_of(registered(attributes={"badge": "7", "shift": 3, "lead": True}), causation_id="c-1")
    assert decoded(encode(event)) == event


def test_instants_of_any_offset_are_told_in_utc():
    east = timezone(timedelta(hours=9))
    record = encode(event_of(registered(), time=NOW.astimezone(east)))
    assert dict(record.headers)["ce_time"] == b"2026-03-01T09:30:00.250000Z"
    value = (record.value or b"").replace(b"2026-03-01T09:30:00.250000Z", b"2026-03-01T18:30:00.25+09:00")
    assert decoded(record, value=value).data == registered()


def test_a_time_without_an_offset_is_never_written():
    with pytest.raises(ValueError, match="no offset"):
        encode(event_of(registered(), time=NOW.replace(tzinfo=None)))


def test_a_tombstone_has_no_value_and_says_all_in_its_key():
    ended = event_of(EligibilityEnded(holder_id=HOLDER, target="role:nurse", location="*"))
    record = encode(ended)
    assert record.value is None
    assert record.key == f"{HOLDER}/role:nurse/*".encode()
    assert "content-type" not in dict(record.headers)
    assert decoded(record) == ended


def test_a_backfills_end_goes_to_the_topic_it_is_about():
    done = BackfillFinished(of=Topic.HOLDERS, run=HOLDER, started_at=NOW, partition=7, route="r")
    assert encode(event_of(done)).topic == Topic.HOLDERS
    assert encode(event_of(done)).partition_key == "r"


def test_the_size_counts_key_headers_and_value():
    record = Record("t", b"key", "k", (("name", b"value"),), b"12345")
    assert record.size == 3 + 4 + 5 + 5
    assert Record("t", b"key", "k", (), None).size == 3


def test_fields_and_headers_a_reader_does_not_know_are_passed_over():
    event = event_of(registered())
    record = encode(event)
    value = (record.value or b"").replace(b'{"holder":{', b'{"more":[1],"holder":{"new":{"a":1},')
    headers = (*record.headers, ("ce_new", b"x"), ("foreign", b"\xff"))
    assert decoded(record, value=value, headers=headers) == event


def test_an_id_that_is_no_uuid_becomes_the_same_uuid_each_time_and_another_for_another_source():
    record = encode(event_of(registered()))

    def id_from(source: bytes) -> UUID:
        changed = {"ce_id": b"A234-1234-1234", "ce_source": source}
        headers = [(name, changed.get(name, value)) for name, value in record.headers]
        return decode_event(headers, record.key, record.value).id

    assert id_from(b"/lms") == id_from(b"/lms") != id_from(b"/another")


def test_a_type_that_is_not_known_is_told_apart_from_one_that_is_malformed():
    record = encode(event_of(registered()))
    with pytest.raises(UnknownEventType) as caught:
        decoded(record, headers=with_header(record, "ce_type", b"licet.holder.registered.v9"), value=b"\xff")
    assert caught.value.event_type == "licet.holder.registered.v9"


def test_a_reader_that_knows_fewer_types_passes_over_the_others():
    record = encode(event_of(registered()))
    only = {HolderUpdated.event_type: HolderUpdated}
    with pytest.raises(UnknownEventType):
        decode(only, record.headers, record.key, record.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ce_time", b"yesterday", "a ce_ header does not decode"),
        ("ce_time", b"2026-03-01T09:30:00", "has no offset"),
        ("ce_time", b"0001-01-01T00:00:00+14:00", "outside the years"),
        ("ce_specversion", b"0.3", "ce_specversion is '0.3'"),
        ("ce_source", b"\xff", "header ce_source is not UTF-8"),
        ("ce_source", None, "header ce_source is null"),
    ],
)
def test_a_header_that_does_not_decode_is_named(name: str, value: bytes | None, message: str):
    record = encode(event_of(registered()))
    with pytest.raises(MalformedEvent, match=message):
        decoded(record, headers=with_header(record, name, value))


@pytest.mark.parametrize("name", ["ce_type", "ce_id", "ce_source", "ce_time", "ce_specversion"])
def test_a_header_that_is_missing_is_named(name: str):
    record = encode(event_of(registered()))
    with pytest.raises(MalformedEvent, match=name):
        decoded(record, headers=[(n, v) for n, v in record.headers if n != name])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"version":3', b'"version":"three"', "/holder/version"),
        (b'"kind":"employee"', b'"kind":"robot"', "/holder/kind"),
        (b'"name":"Zo\xc3\xab",', b"", "/holder/name: Field required"),
        (b"2026-03-01T09:30:00.250000Z", b"2026-03-01T09:30:00", "/holder/created_at"),
        (b"2026-03-01T09:30:00.250000Z", b"0001-01-01T00:00:00+14:00", "outside the years"),
        (b"Zo\xc3\xab", b"Zo\xeb", "does not decode at /"),
        (b"{", b"", "does not decode at /"),
    ],
)
def test_a_value_that_does_not_decode_is_refused_with_the_place(old: bytes, new: bytes, message: str):
    record = encode(event_of(registered()))
    with pytest.raises(MalformedEvent, match=message):
        decoded(record, value=(record.value or b"").replace(old, new))


def test_a_refusal_repeats_nothing_of_the_value():
    record = encode(event_of(registered(email="zoe@clinic.example")))
    value = (record.value or b"").replace(b'"version":3', b'"version":"zoe@clinic.example"')
    with pytest.raises(MalformedEvent) as caught:
        decoded(record, value=value)
    assert "clinic" not in str(caught.value)


def test_a_null_value_of_a_type_that_has_one_is_refused():
    with pytest.raises(MalformedEvent, match="null value"):
        decoded(encode(event_of(registered())), value=None)


@pytest.mark.parametrize("key", [None, b"", b"\xff", b"one/two", b"nobody/role:nurse/*", b"a/b/c/d"])
def test_a_tombstone_with_a_strange_key_is_refused(key: bytes | None):
    ended = EligibilityEnded(holder_id=HOLDER, target="role:nurse", location="*")
    with pytest.raises(MalformedEvent, match=r"^(the )?key "):
        decoded(encode(event_of(ended)), key=key)


def test_a_tombstone_says_with_which_version_its_key_ends():
    ended = encode(event_of(EligibilityEnded(holder_id=HOLDER, target="role:nurse", location="*", version=4)))
    assert dict(ended.headers)["ce_sequence"] == b"00000000000000000004"
    assert decoded(ended).data.sequence == 4


def test_nothing_outranks_an_erasure():
    erased = encode(event_of(HolderErased(holder_id=HOLDER)))
    assert decoded(erased).data.sequence == FINAL_SEQUENCE == 2**63 - 1


@given(
    st.sampled_from(sorted(EVENT_TYPES)),
    st.lists(st.tuples(st.sampled_from(["ce_id", "ce_time", "ce_source", "x"]), st.binary(max_size=20))),
    st.none() | st.binary(max_size=60),
    st.none() | st.binary(max_size=200),
)
def test_no_bytes_make_the_codec_fail_in_another_way(
    event_type: str, headers: list[tuple[str, bytes]], key: bytes | None, value: bytes | None
):
    known = [("ce_specversion", b"1.0"), ("ce_type", event_type.encode())]
    with suppress(MalformedEvent):
        decode_event([*known, *headers], key, value)


def test_every_type_is_named_as_the_contract_names_them():
    for event_type, model in EVENT_TYPES.items():
        assert model.event_type == event_type
        prefix, *middle, version = event_type.split(".")
        # The heartbeat is about nothing but itself.
        words = 1 if middle == ["heartbeat"] else 2
        assert (prefix, len(middle), version[0]) == ("licet", words, "v")
        assert model.__doc__, f"{model.__name__} says nothing of itself"
