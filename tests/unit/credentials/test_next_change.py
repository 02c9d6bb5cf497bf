"""Until the next change that is kept beside a credential, its announced validity is its validity."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from licet_credentials.credentials.model import CredentialFacts
from licet_credentials.credentials.rows import run_rows
from licet_credentials.credentials.steps import new_credential
from licet_credentials.credentials.validity import current_run, next_change_at, validity
from licet_events.credentials import Origin
from licet_events.ids import uuid7
from unit.credentials.histories import LADDERS, flag_sets, rules, terms

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
LATER = st.integers(0, 60_000).map(lambda hours: NOW + timedelta(hours=hours))


def credential(made, flags, ladder):
    facts = CredentialFacts(holder_id=uuid7(), ladder=ladder)
    return new_credential(facts, rules(), tuple(made), tuple(flags), Origin.API, NOW).credential


@given(terms(), flag_sets(), LADDERS, LATER)
def test_validity_changes_at_the_next_change_and_not_before(made, flags, ladder, now):
    each = credential(made, flags, ladder)
    following = next_change_at(each)
    if following is None or now < following:
        assert validity(each.runs, each.flags, now) is each.announced
    if following is not None:
        assert following > each.announced_at
        assert validity(each.runs, each.flags, following) is not each.announced


@given(terms(), flag_sets(), LADDERS)
def test_a_voided_credential_has_no_next_change(made, flags, ladder):
    assert next_change_at(replace(credential(made, flags, ladder), voided=True)) is None


def _instant(value):
    return {"-infinity": EVER[0], "infinity": EVER[1]}.get(value, value) if isinstance(value, str) else value


@given(terms(), LADDERS, LATER | LATER.map(lambda at: NOW - (at - NOW)))
def test_exactly_one_run_row_is_current_and_it_is_the_current_run(made, ladder, now):
    each = credential(made, (), ladder)
    (row,) = [
        row for row in run_rows(each) if _instant(row["current_from"]) <= now < _instant(row["current_until"])
    ]
    run = current_run(each.runs, now)
    if run is None:
        assert "starts_at" not in row
    else:
        assert (row["starts_at"], row["expires_on"], row["term_id"]) == (
            run.starts_at,
            run.expires_on,
            run.term_id,
        )
