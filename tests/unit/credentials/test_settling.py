"""Each change of validity is announced once, in order, whenever somebody looks."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from licet_credentials.credentials.change import ITSELF, Change, announce, settle
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.validity import validity
from licet_events.credentials import ChangeCause, CredentialStatusChanged, FlagKind, Validity
from unit.credentials.histories import INSTANTS, LADDERS, NOW, credential, flag, flag_sets, term, terms

YEAR = term(date(2026, 1, 1), date(2026, 12, 31))
LATER = datetime(2027, 6, 1, tzinfo=UTC)
START = datetime(2025, 1, 1, tzinfo=UTC)


def events_of(change: Change) -> list[Any]:
    """Return the events; each test knows their types."""
    return list(change.events)


def told(change: Change) -> list[tuple[Validity, Validity, datetime]]:
    return [
        (event.from_, event.to, event.effective_at)
        for event in change.events
        if isinstance(event, CredentialStatusChanged)
    ]


def test_crossed_boundaries_are_announced_in_order_with_their_instants():
    change = settle(credential(YEAR), LATER)
    assert told(change) == [
        (Validity.ACTIVE, Validity.EXPIRING, datetime(2026, 10, 2, tzinfo=UTC)),
        (Validity.EXPIRING, Validity.EXPIRED, datetime(2027, 1, 1, tzinfo=UTC)),
    ]
    first, second = change.events
    assert (first.credential.version, second.credential.version) == (2, 3)
    assert (first.credential.validity, second.credential.validity) == (Validity.EXPIRING, Validity.EXPIRED)
    assert {event.cause for event in events_of(change)} == {ChangeCause.AUTOMATIC}
    assert {event.actor for event in events_of(change)} == {ITSELF}
    assert change.credential.updated_at == LATER


def test_the_created_event_carries_the_first_validity_and_it_is_not_announced_again():
    fresh = credential(YEAR, now=LATER)
    assert fresh.announced is Validity.EXPIRED
    assert settle(fresh, LATER + timedelta(days=100)).events == ()


def test_settling_twice_announces_once():
    once = settle(credential(YEAR), LATER)
    assert settle(once.credential, LATER).events == ()
    assert settle(once.credential, LATER + timedelta(days=1)).events == ()


def test_an_instant_before_the_last_announcement_changes_nothing():
    settled = settle(credential(YEAR), LATER).credential
    assert settle(settled, NOW) == Change(settled)


def test_a_voided_credential_announces_nothing():
    assert settle(replace(credential(YEAR), voided=True), LATER).events == ()


def test_the_end_of_a_suspension_is_announced_with_its_reason():
    ends = NOW + timedelta(days=3)
    suspended = credential(YEAR, flags=(flag(FlagKind.SUSPENDED, NOW, ends, reason="not_paid"),))
    [event] = events_of(settle(suspended, ends))
    assert (event.from_, event.to, event.reason) == (
        Validity.SUSPENDED, Validity.ACTIVE, "suspension_ended",
    )  # fmt: skip


def test_a_suspension_set_for_later_begins_with_its_own_reason():
    begins = NOW + timedelta(days=3)
    planned = credential(YEAR, flags=(flag(FlagKind.SUSPENDED, begins, reason="not_paid"),))
    [event] = events_of(settle(planned, begins))
    assert (event.to, event.reason, event.effective_at) == (Validity.SUSPENDED, "not_paid", begins)


def test_a_manual_change_is_announced_after_the_changes_that_time_brought():
    settled = settle(credential(YEAR), datetime(2026, 11, 1, tzinfo=UTC))
    longer = replace(
        settled.credential,
        terms=(*settled.credential.terms, term(date(2027, 1, 1), date(2027, 12, 31), number=2)),
    )
    now = settled.credential.announced_at
    change = announce(replace(settled, credential=longer), now, reason="renewed", actor="user:u")
    *_, last = change.events
    assert isinstance(last, CredentialStatusChanged)
    assert (last.from_, last.to, last.cause, last.reason, last.actor) == (
        Validity.EXPIRING, Validity.ACTIVE, ChangeCause.MANUAL, "renewed", "user:u",
    )  # fmt: skip
    assert [event.credential.version for event in change.events] == [2, 3]


def fresh_at_start(made: Any, ladder: Any, flags: Any) -> Credential:
    return credential(*made, flags=flags, ladder=ladder, now=START)


@given(terms(), LADDERS, flag_sets(), st.lists(INSTANTS, max_size=8))
def test_each_change_is_announced_once_whenever_it_is_settled(made, ladder, flags, instants):
    end = datetime(2029, 1, 1, tzinfo=UTC)
    at_once = settle(fresh_at_start(made, ladder, flags), end)
    step_by_step = Change(fresh_at_start(made, ladder, flags))
    for instant in [*instants, end]:
        settled = settle(step_by_step.credential, instant)
        step_by_step = Change(settled.credential, step_by_step.events + settled.events)
    assert told(step_by_step) == told(at_once)
    assert [event.credential.version for event in step_by_step.events] == list(
        range(2, 2 + len(at_once.events))
    )


@given(terms(), LADDERS, flag_sets(), INSTANTS)
def test_the_last_announcement_equals_the_current_validity(made, ladder, flags, now):
    settled = settle(fresh_at_start(made, ladder, flags), now).credential
    assert settled.announced is validity(settled.runs, flags, max(now, START))


@given(terms(), LADDERS, flag_sets())
def test_each_announcement_starts_from_the_validity_of_the_one_before(made, ladder, flags):
    fresh = fresh_at_start(made, ladder, flags)
    current = fresh.announced
    for before, after, at in told(settle(fresh, datetime(2029, 1, 1, tzinfo=UTC))):
        assert before is current is not after
        assert validity(fresh.runs, flags, at) is after
        assert validity(fresh.runs, flags, at - timedelta(microseconds=1)) is before
        current = after
