"""What the doctor calls a difference, and what not."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given

from licet_credentials.credentials.change import settle
from licet_credentials.doctor.model import difference
from licet_events.credentials import CredentialStatusChanged, FlagKind, Validity
from unit.credentials.histories import INSTANTS, LADDERS, NOW, credential, flag, flag_sets, term, terms

START = datetime(2025, 1, 1, tzinfo=UTC)
YEAR = term(date(2026, 1, 1), date(2026, 12, 31))


@given(terms(), LADDERS, flag_sets(), INSTANTS)
def test_a_settled_credential_agrees(made, ladder, flags, now):
    settled = settle(credential(*made, flags=flags, ladder=ladder, now=START), now).credential
    assert difference(settled, now) is None


@given(terms(), LADDERS, flag_sets(), INSTANTS)
def test_an_unannounced_change_differs_from_the_instant_it_happened(made, ladder, flags, now):
    fresh = credential(*made, flags=flags, ladder=ladder, now=START)
    events = settle(fresh, now).events
    found = difference(fresh, now)
    if not events:
        assert found is None
    else:
        assert found is not None
        first, last = events[0], events[-1]
        assert isinstance(first, CredentialStatusChanged)
        assert isinstance(last, CredentialStatusChanged)
        assert (found.since, found.computed) == (first.effective_at, last.to)


def test_a_change_reverted_before_it_was_announced_differs_too():
    off = flag(FlagKind.SUSPENDED, NOW + timedelta(days=1), NOW + timedelta(days=2))
    found = difference(credential(YEAR, flags=(off,)), NOW + timedelta(days=3))
    assert found is not None
    assert (found.announced, found.computed, found.since) == (
        Validity.ACTIVE, Validity.ACTIVE, NOW + timedelta(days=1),
    )  # fmt: skip


def test_an_announcement_that_was_never_true_differs_from_the_start():
    wrong = replace(credential(YEAR), announced=Validity.EXPIRED)
    found = difference(wrong, NOW + timedelta(minutes=5))
    assert found is not None
    assert (found.announced, found.computed, found.since) == (Validity.EXPIRED, Validity.ACTIVE, NOW)


def test_a_voided_credential_agrees_with_anything():
    assert difference(replace(credential(YEAR), announced=Validity.EXPIRED, voided=True), NOW) is None
