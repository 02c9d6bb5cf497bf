"""A new fact has an id of its own; the same decision has the same id wherever it is made."""

import time
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet_events.ids import derived_id, schedule_event_id, snapshot_event_id, uuid7

CREDENTIAL = UUID("0193f0a1-7a10-7c3e-9d2b-5f0a4c81a001")
TERM = UUID("0193f0a1-7a10-7c3e-9d2b-5f0a4c81a002")


def test_a_uuid7_is_one_and_tells_its_millisecond():
    before = time.time_ns() // 1_000_000
    made = uuid7()
    after = time.time_ns() // 1_000_000
    assert made.version == 7
    assert made.variant == RFC_4122
    assert before <= made.int >> 80 <= after


def test_uuid7s_differ():
    assert len({uuid7() for _ in range(10_000)}) == 10_000


def test_derived_ids_stay_what_they_were():
    # Written down once; were one to change, every repetition would look like a new event.
    assert derived_id("notification", CREDENTIAL, "manager", "email") == UUID(NOTIFICATION)
    assert schedule_event_id(CREDENTIAL, TERM, 2, "expiring", 30) == UUID(EXPIRING)
    assert schedule_event_id(CREDENTIAL, None, 0, "effective", None) == UUID(EFFECTIVE)
    assert snapshot_event_id("holder/1", 3, TERM) == UUID(SNAPSHOT)


NOTIFICATION = "5824072e-187d-551a-b1b3-a9757ff306e3"
EXPIRING = "dea7ca8b-8268-5caa-ac45-829fa503a3b5"
EFFECTIVE = "bafcf41e-d5ee-5032-82aa-3e67e34e1738"
SNAPSHOT = "31737411-eae3-5e74-ba33-16dcd8be5006"

PARTS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n")), min_size=1, max_size=4)


@given(PARTS, PARTS)
def test_other_parts_give_another_id(one: list[str], other: list[str]):
    assert (derived_id("kind", *one) == derived_id("kind", *other)) == (one == other)


def test_a_part_that_could_be_mistaken_for_two_is_refused():
    with pytest.raises(ValueError, match="line feed"):
        derived_id("kind", "a\nb")
