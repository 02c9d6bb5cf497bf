"""Causes go on from one event to the next in one conversation and one trace."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet_chassis.cause import Cause, child_traceparent, new_traceparent, trace_id
from licet_events import Event, Topic
from licet_events.operations import BackfillFinished

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_an_event_is_the_causation_and_its_correlation_and_trace_continue() -> None:
    at = datetime(2026, 1, 31, tzinfo=UTC)
    data = BackfillFinished(of=Topic.HOLDERS, run=uuid4(), started_at=at, partition=0, route="r")
    event = Event.of(
        data, source="/licet/x", time=at, recorded_time=at, correlation_id="c-1", causation_id="before",
        traceparent=PARENT,
    )  # fmt: skip
    cause = Cause.of_event(event, "service:notifier")
    assert (cause.actor, cause.correlation_id, cause.causation_id) == (
        "service:notifier",
        "c-1",
        str(event.id),
    )
    assert trace_id(cause.traceparent) == trace_id(PARENT)
    assert cause.traceparent != PARENT


def test_a_new_cause_has_a_correlation_id_and_a_trace_of_its_own() -> None:
    first, second = Cause.new("service:scheduler"), Cause.new("service:scheduler")
    assert first.correlation_id != second.correlation_id
    assert trace_id(first.traceparent) != trace_id(second.traceparent)
    assert first.causation_id is None


def test_child_keeps_trace_and_flags_and_has_a_span_of_its_own() -> None:
    version, trace, span, flags = child_traceparent(PARENT).split("-")
    assert (version, trace, flags) == ("00", PARENT.split("-")[1], "01")
    assert span != PARENT.split("-")[2]


@pytest.mark.parametrize(
    "text",
    [
        None, "", "x", PARENT.upper(), PARENT + "-more", "ff" + PARENT[2:], PARENT[:-1],
        f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
        "0f8fad5b-d9cb-469f-a165-70867728950e",
    ],
)  # fmt: skip
def test_what_is_no_traceparent_begins_a_trace(text: str | None) -> None:
    assert trace_id(text) is None
    assert trace_id(child_traceparent(text)) is not None


def test_later_version_may_say_more() -> None:
    assert trace_id("01" + PARENT[2:] + "-more") == PARENT.split("-")[1]


@given(st.text(max_size=80))
def test_no_text_breaks_the_trace(text: str) -> None:
    assert trace_id(child_traceparent(text))


def test_new_traceparents_differ() -> None:
    assert new_traceparent() != new_traceparent()
