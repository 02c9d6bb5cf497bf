"""Of a batch, what was ended by its key's null value does not count, and what began again does."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from licet_chassis.consuming.ending import without_ended
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
    assert without_ended([one, tombstone]) == ([], [tombstone])


def test_a_tombstone_that_a_state_followed_ends_nothing():
    first, back = state(ANA, 1), state(ANA, 3)
    assert without_ended([first, moved(ANA), back]) == ([back], [])


def test_keys_are_judged_apart():
    here, there = state(ANA, 1), state(BO, 2)
    tombstone = moved(ANA)
    assert without_ended([here, there, tombstone]) == ([there], [tombstone])


def test_of_a_key_that_lives_on_all_states_are_kept_in_order():
    events = [state(ANA, 1), state(ANA, 2), state(ANA, 1)]
    assert without_ended(events) == (events, [])
