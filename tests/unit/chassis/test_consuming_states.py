"""A batch is reduced to the newest state of each key; a tombstone ends what came before it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from licet_chassis.consuming.states import newest, split_tombstones
from licet_events import Event
from licet_events.catalogue import Category
from licet_events.credentials import CredentialMoved, CredentialSnapshot, CredentialState, Validity

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ANA, BO, LICENCE = UUID(int=1), UUID(int=2), UUID(int=3)


def state(holder: UUID, version: int) -> Event[Any]:
    credential = CredentialState(
        id=LICENCE, version=version, holder_id=holder, type="licence", category=Category.LICENSE, name="L",
        terms=(), runs=(), ladder=(), validity=Validity.ACTIVE, created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    return told(CredentialSnapshot(credential=credential))


def moved(holder: UUID) -> Event[Any]:
    return told(CredentialMoved(holder_id=holder, credential_id=LICENCE))


def told(data: Any) -> Event[Any]:
    return Event.of(data, source="/licet/test", time=NOW, recorded_time=NOW, correlation_id="c")


def test_a_state_that_its_tombstone_followed_does_not_count():
    one, tombstone = state(ANA, 1), moved(ANA)
    assert split_tombstones([one, tombstone]) == ([], [tombstone])


def test_a_tombstone_that_a_state_followed_ends_nothing():
    first, back = state(ANA, 1), state(ANA, 3)
    assert split_tombstones([first, moved(ANA), back]) == ([back], [])


def test_each_key_is_reduced_by_itself():
    here, there = state(ANA, 1), state(BO, 2)
    tombstone = moved(ANA)
    assert split_tombstones([here, there, tombstone]) == ([there], [tombstone])


def test_of_a_key_that_lives_on_all_states_are_kept_in_order():
    events = [state(ANA, 1), state(ANA, 2), state(ANA, 1)]
    assert split_tombstones(events) == (events, [])


def test_of_each_key_the_item_of_the_highest_rank_is_kept_whatever_the_order():
    items = [("b", 2, "x"), ("a", 1, "old"), ("a", 3, "new"), ("b", 1, "y"), ("a", 2, "late")]
    found = newest(items, key=lambda item: item[0], rank=lambda item: item[1])
    assert [(key, item[2]) for key, item in found.items()] == [("a", "new"), ("b", "x")]


def test_of_equal_ranks_the_last_item_is_kept():
    assert newest([("a", 1, "first"), ("a", 1, "last")], key=lambda i: i[0], rank=lambda i: i[1]) == {
        "a": ("a", 1, "last")
    }


def test_rows_are_in_the_order_of_their_keys_so_that_transactions_lock_them_in_one_order():
    assert list(newest("cab", key=str, rank=lambda _: 0)) == ["a", "b", "c"]
