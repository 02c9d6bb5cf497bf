"""The checker finds each promise broken, tried with facts in which it is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from chaos.agreement import Facts, disagreements
from licet_cli.event_stream import Seen
from licet_events import Event
from licet_events.holders import HolderKind, HolderRegistered, HolderState, HolderUpdated

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = str(UUID(int=1))


def told(version: int, *, id: int = 0) -> Seen:
    holder = HolderState(
        id=UUID(int=1), version=version, kind=HolderKind.EMPLOYEE, name="Ana", created_at=NOW, updated_at=NOW
    )
    data = HolderRegistered(holder=holder) if version == 1 else HolderUpdated(holder=holder)
    event: Event[Any] = Event.of(
        data, source="/licet/credentials", time=NOW, recorded_time=NOW, correlation_id="c",
        id=UUID(int=100 + id + version),
    )  # fmt: skip
    return Seen("licet.holders.v1", 0, version, KEY, {}, event)


def good() -> Facts:
    facts = Facts(
        current={KEY: 2}, published=[told(1), told(2)], wanted_objects={"a"}, expected_objects={"b"},
        objects={"a", "b"},
    )  # fmt: skip
    facts.versions[KEY] = {1: HolderRegistered.event_type, 2: HolderUpdated.event_type}
    return facts


def test_a_consistent_state_passes_the_checker() -> None:
    assert disagreements(good()) == []
    repeated = replace(good(), published=[told(1), told(2), told(1), told(2)])
    assert disagreements(repeated) == [], "at least once is what was promised"


def lost(facts: Facts) -> None:
    del facts.published[1]


def doubled(facts: Facts) -> None:
    facts.published.append(told(2, id=7))


def reordered(facts: Facts) -> None:
    facts.published.reverse()


def phantom(facts: Facts) -> None:
    facts.published.append(told(3))


def unsent(facts: Facts) -> None:
    facts.unsent = 1


def hole(facts: Facts) -> None:
    del facts.versions[KEY][1]


def stateless(facts: Facts) -> None:
    del facts.current[KEY]


def malformed(facts: Facts) -> None:
    facts.published.append(Seen("licet.holders.v1", 0, 9, KEY, {}, None, "malformed: no"))


def object_gone(facts: Facts) -> None:
    facts.objects.remove("a")


def orphan(facts: Facts) -> None:
    facts.objects.add("c")


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lost, "lost"),
        (doubled, "doubled"),
        (reordered, "reordered"),
        (phantom, "phantom"),
        (unsent, "never sent"),
        (hole, "its history has"),
        (stateless, "no state"),
        (malformed, "malformed"),
        (object_gone, "needs a"),
        (orphan, "orphan"),
    ],
)
def test_every_broken_promise_is_found(break_it: Callable[[Facts], None], words: str) -> None:
    facts = good()
    break_it(facts)
    assert any(words in found for found in disagreements(facts))
