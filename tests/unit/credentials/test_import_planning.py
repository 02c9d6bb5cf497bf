"""What rows come to never hangs on their order, nor on how they are divided over files."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from licet_credentials.credentials.model import Credential, CredentialFacts
from licet_credentials.imports.deciding.matching import MatchingRules
from licet_credentials.imports.deciding.planning import CredentialPlan, plan_credential
from licet_credentials.imports.deciding.terms import MOST_TERMS
from licet_credentials.imports.model import RowOutcome
from licet_credentials.imports.rows import (
    Columns,
    CredentialInput,
    FlagInput,
    HolderInput,
    OnChange,
    OnTermChange,
    SourceRow,
    TermInput,
    newest,
)
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import Category, LateRenewal, NumberUnique, Period, RenewalEvidence
from licet_events.civil import ExpiresAtRule
from licet_events.credentials import CredentialCorrected, CredentialRenewed, FlagKind

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOLDER = UUID(int=7)
ZONE = "America/Chicago"
TYPE = CredentialType(
    code="shop", version=1, name="Shop", category=Category.LICENSE, expires=True, validity=None,
    ladder=(30, 0), renewal_window_days=None, grace_days=0, renewal_basis=None, fixed_date=None,
    renewal_evidence=RenewalEvidence.NONE, number_unique=NumberUnique.HOLDER, aliases=(), retired=False,
    created_at=NOW, updated_at=NOW,
)  # fmt: skip
_lines = count(2)


def ruling(
    on_change: OnChange = OnChange.UPDATE, on_term_change: OnTermChange = OnTermChange.REJECT
) -> MatchingRules:
    columns = Columns("ACCOUNT", "NUMBER", "CODE", "ID", "BOSS", "SINCE", "UNTIL", "ISSUED")
    return MatchingRules(on_change, on_term_change, False, columns, "user:importer")


def row(
    key: str,
    start: date | None,
    end: date | None,
    *,
    name: str = "Shop",
    flag: FlagInput | None = None,
    line: int | None = None,
    issued_on: date | None = None,
) -> SourceRow:
    facts: tuple[tuple[str, Any], ...] = (("name", name),)
    if issued_on is not None:
        facts = (*facts, ("issued_on", issued_on))
    return SourceRow(
        line or next(_lines),
        HolderInput("A-1", (("name", "Alpha"),)),
        CredentialInput("shop", "Shop", "100", None, facts, ()),
        TermInput(key, start, end, never=False),
        flag,
    )


def planned(
    rows: list[SourceRow],
    existing: Credential | None = None,
    how: MatchingRules | None = None,
    now: datetime = NOW,
    rules: CredentialType = TYPE,
) -> CredentialPlan:
    facts = CredentialFacts(holder_id=HOLDER, number="100")
    return plan_credential(rows, existing, rules, facts, ZONE, how or ruling(), now)


def after(plan: CredentialPlan, existing: Credential | None = None) -> Credential:
    credential = existing if plan.change is None else plan.change.credential
    assert credential is not None
    return credential


def essence(credential: Credential) -> object:
    """All of it that is not an id, a version or an instant of entry."""
    return (
        sorted((t.source_key or "", str(t.valid_from), str(t.expires_on)) for t in credential.terms),
        sorted((flag.kind, flag.effective_from) for flag in credential.flags),
        credential.name,
        [(run.starts_at, run.expires_on) for run in credential.runs],
        credential.announced,
    )


days = st.dates(date(2015, 1, 1), date(2030, 12, 31))


@st.composite
def histories(draw: st.DrawFn) -> list[SourceRow]:
    """Rows of one credential: gaps, overlaps, terms within terms, missing ends, flags, doubled rows."""
    rows = []
    for number in range(draw(st.integers(1, 6))):
        start = draw(st.none() | days)
        first = start or draw(days)
        length = draw(st.none() | st.integers(0, 900))
        end = None if length is None else first + timedelta(length)
        flag = None
        if draw(st.integers(0, 4)) == 0:
            kind = draw(st.sampled_from([FlagKind.REVOKED, FlagKind.SURRENDERED]))
            flag = FlagInput(kind, "imported", draw(days), None)
        name = draw(st.sampled_from(["Shop", "Grocer", "Bar"]))
        rows.append(row(f"k{number}", start, end, name=name, flag=flag))
    doubled = draw(st.lists(st.sampled_from(rows), max_size=3))
    return rows + [each._replace(line=next(_lines)) for each in doubled]


@given(histories(), st.randoms(use_true_random=False))
def test_shuffled_rows_give_the_same_result(rows, chance):
    shuffled = chance.sample(rows, len(rows))
    assert essence(after(planned(shuffled))) == essence(after(planned(rows)))


@given(histories(), st.randoms(use_true_random=False))
def test_importing_again_in_any_order_changes_nothing(rows, chance):
    first = after(planned(rows))
    again = planned(chance.sample(rows, len(rows)), first)
    assert again.change is None
    assert {result.outcome for result in again.results} == {RowOutcome.UNCHANGED}


@given(histories(), st.data())
def test_two_files_in_any_order_give_the_result_of_one_and_can_be_repeated(rows, data):
    cut = data.draw(st.integers(1, len(rows)))
    one, other = rows[:cut], rows[cut:]
    whole = after(planned(rows))
    credential: Credential | None = None
    parts = [part for part in data.draw(st.permutations([one, other])) if part]
    for part in parts:
        credential = after(planned(part, credential), credential)
    assert credential is not None
    assert essence(credential) == essence(whole)
    for part in data.draw(st.permutations(parts)):
        assert planned(part, credential).change is None


@given(histories())
def test_every_row_has_exactly_one_result(rows):
    plan = planned(rows)
    assert sorted(result.line for result in plan.results) == sorted(row.line for row in rows)


def test_between_rows_with_equal_keys_their_content_decides():
    one = row("k", date(2020, 1, 1), date(2020, 12, 31), name="A", line=2)
    other = row("k", date(2020, 1, 1), date(2020, 12, 31), name="B", line=3)
    assert newest([one, other]).credential == newest([other, one]).credential


FIRST = row("k1", date(2024, 1, 1), date(2024, 12, 31))
LATER = row("k2", date(2025, 1, 1), date(2027, 12, 31))
CHANGED = row("k1", date(2024, 1, 1), date(2024, 11, 30))


def test_a_later_term_renews_and_an_earlier_one_is_added():
    base = after(planned([FIRST]))
    renewed = planned([LATER], base)
    assert renewed.results[0].outcome is RowOutcome.RENEWED
    assert renewed.change is not None
    assert isinstance(renewed.change.events[0], CredentialRenewed)
    earlier = planned([FIRST], after(planned([LATER])))
    assert earlier.results[0].outcome is RowOutcome.ADDED
    assert earlier.change is not None
    assert isinstance(earlier.change.events[0], CredentialCorrected)


def test_a_row_after_a_lapse_is_rejected_if_the_type_takes_no_late_renewal():
    strict = replace(TYPE, late_renewal=LateRenewal.REFUSED)
    base = after(planned([FIRST]))
    lapsed = row("k2", date(2025, 1, 2), date(2027, 12, 31))
    assert planned([lapsed], base).results[0].outcome is RowOutcome.RENEWED
    rejected = planned([lapsed], base, rules=strict)
    assert (rejected.change, rejected.added) == (None, ())
    assert "takes no renewal after the expiry" in rejected.results[0].errors[0].detail
    assert planned([LATER], base, rules=strict).results[0].outcome is RowOutcome.RENEWED
    assert planned([FIRST, lapsed], rules=strict).change is not None, "a whole history is a record"


def test_different_dates_under_a_known_key_follow_the_mapping():
    base = after(planned([FIRST]))
    rejected = planned([CHANGED], base)
    assert rejected.change is None
    assert "from 2024-01-01 to 2024-12-31" in rejected.results[0].errors[0].detail
    kept = planned([CHANGED], base, ruling(on_term_change=OnTermChange.KEEP))
    assert (kept.change, kept.results[0].outcome) == (None, RowOutcome.UNCHANGED)
    corrected = planned([CHANGED], base, ruling(on_term_change=OnTermChange.CORRECT))
    assert corrected.results[0].outcome is RowOutcome.CORRECTED
    right = after(corrected)
    assert [(term.expires_on, term.revision) for term in right.terms] == [(date(2024, 11, 30), 2)]
    assert planned([CHANGED], right, ruling(on_term_change=OnTermChange.CORRECT)).change is None
    how = ruling(on_term_change=OnTermChange.RENEW)
    renewed = planned([row("k1", date(2025, 1, 1), date(2025, 12, 31))], base, how)
    assert renewed.results[0].outcome is RowOutcome.RENEWED
    assert len(after(renewed).terms) == 2
    both = [row("k1", date(2025, 1, 1), date(2025, 12, 31)), FIRST]
    assert planned(both, after(renewed), how).change is None


def test_contradicting_rows_are_reported():
    plan = planned([FIRST, CHANGED])
    assert sorted(result.outcome for result in plan.results) == [RowOutcome.CREATED, RowOutcome.REJECTED]
    [error] = next(result.errors for result in plan.results if result.errors)
    assert (error.column, error.value) == ("ID", "k1")
    assert "another row says" in error.detail


def test_changed_facts_follow_the_mapping():
    base = after(planned([FIRST]))
    other = FIRST._replace(credential=FIRST.credential._replace(facts=(("name", "Bar"),)))
    updated = planned([other], base)
    assert (after(updated).name, updated.results[0].outcome) == ("Bar", RowOutcome.UPDATED)
    assert planned([other], base, ruling(on_change=OnChange.KEEP)).change is None
    rejected = planned([other], base, ruling(on_change=OnChange.REJECT))
    assert (rejected.change, rejected.results[0].outcome) == (None, RowOutcome.REJECTED)
    assert "name 'Shop'" in rejected.results[0].errors[0].detail


def test_a_term_entered_by_hand_matches_the_row_with_its_dates():
    base = after(planned([FIRST]))
    by_hand = base.terms[0].__class__(
        **{name: getattr(base.terms[0], name) for name in base.terms[0].__slots__} | {"source_key": None}
    )
    credential = base.__class__(
        **{name: getattr(base, name) for name in base.__slots__} | {"terms": (by_hand,)}
    )
    assert planned([FIRST], credential).change is None


def test_more_terms_than_one_event_can_carry_are_rejected():
    rows = [row(f"k{n}", None, date(2020, 1, 1) + timedelta(n)) for n in range(MOST_TERMS + 1)]
    plan = planned(rows)
    assert plan.change is None
    assert {result.outcome for result in plan.results} == {RowOutcome.REJECTED}


def test_nothing_is_recorded_under_a_retired_type():
    retired = TYPE.__class__(**{name: getattr(TYPE, name) for name in TYPE.__slots__} | {"retired": True})
    facts = CredentialFacts(holder_id=HOLDER, number="100")
    plan = plan_credential([FIRST], None, retired, facts, ZONE, ruling(), NOW)
    assert plan.change is None
    assert "retired" in plan.results[0].errors[0].detail


def suspended(since: date, until: date | None = None, reason: str = "not_paid") -> FlagInput:
    return FlagInput(FlagKind.SUSPENDED, reason, since, until)


def with_flag(flag: FlagInput, key: str = "k1") -> SourceRow:
    return row(key, date(2024, 1, 1), date(2024, 12, 31), flag=flag)


def how_flags(on_flag_change: OnTermChange) -> MatchingRules:
    return replace(ruling(), on_flag_change=on_flag_change)


def flags_of(credential: Credential) -> list[tuple[str, str | None, str]]:
    return [
        (f"{flag.effective_from:%m-%d %H}", f"{flag.until:%m-%d %H}" if flag.until else None, flag.reason)
        for flag in credential.flags
    ]


MAY, JUNE, JULY = date(2024, 5, 1), date(2024, 6, 1), date(2024, 7, 1)


def test_a_flag_with_other_values_under_its_key_follows_the_mapping():
    base = after(planned([with_flag(suspended(MAY))]))
    changed = with_flag(suspended(JUNE, JULY, "appealed"))
    rejected = planned([changed], base, how_flags(OnTermChange.REJECT))
    assert (rejected.change, rejected.results[0].outcome) == (None, RowOutcome.REJECTED)
    [error] = rejected.results[0].errors
    assert (error.column, error.value) == ("SINCE", "2024-06-01")
    assert "recorded from 2024-05-01" in error.detail
    kept = planned([changed], base, how_flags(OnTermChange.KEEP))
    assert (kept.change, kept.results[0].outcome) == (None, RowOutcome.UNCHANGED)
    corrected = planned([changed], base, how_flags(OnTermChange.CORRECT))
    assert corrected.results[0].outcome is RowOutcome.CORRECTED
    right = after(corrected)
    assert flags_of(right) == [("06-01 05", "07-02 05", "appealed")]
    assert corrected.change is not None
    event, _ended = corrected.change.events
    assert isinstance(event, CredentialCorrected)
    assert [each.field for each in event.corrected] == ["effective_from", "until", "reason"]
    assert planned([changed], right, how_flags(OnTermChange.CORRECT)).change is None
    both = after(planned([changed], base, how_flags(OnTermChange.RENEW)))
    assert len(both.flags) == 2
    assert planned([changed, with_flag(suspended(MAY))], both, how_flags(OnTermChange.RENEW)).change is None


def test_a_suspension_that_recurs_with_another_term_is_a_second_suspension():
    base = after(planned([with_flag(suspended(MAY, JUNE))]))
    again = row("k2", date(2025, 1, 1), date(2025, 12, 31), flag=suspended(date(2025, 5, 1)))
    assert len(after(planned([again], base, how_flags(OnTermChange.CORRECT))).flags) == 2


def test_a_missing_end_matches_any_end_and_an_undone_flag_stays_undone():
    base = after(planned([with_flag(suspended(MAY))]))
    [flag] = base.flags
    for until in (flag.effective_from + timedelta(9), flag.effective_from):
        ended = replace(base, flags=(replace(flag, until=until),))
        plan = planned([with_flag(suspended(MAY))], ended, how_flags(OnTermChange.CORRECT))
        assert (plan.change, plan.results[0].outcome) == (None, RowOutcome.UNCHANGED)


def test_a_flag_set_by_hand_matches_the_row_with_its_day():
    base = after(planned([with_flag(suspended(MAY))]))
    by_hand = replace(base, flags=(replace(base.flags[0], source_key=None, reason="by_phone"),))
    assert planned([with_flag(suspended(MAY))], by_hand).change is None
    assert len(after(planned([with_flag(suspended(JUNE))], by_hand)).flags) == 2


def test_a_flag_changed_by_rows_of_several_terms_is_changed_once():
    def rows(since: date) -> list[SourceRow]:
        later = row("k2", date(2025, 1, 1), date(2025, 12, 31), flag=suspended(since))
        return [later, with_flag(suspended(since))]

    base = after(planned(rows(MAY)))
    assert len(base.flags) == 1
    how = how_flags(OnTermChange.CORRECT)
    right = after(planned(rows(JUNE), base, how))
    assert flags_of(right) == [("06-01 05", None, "not_paid")]
    apart = after(planned([rows(MAY)[0], with_flag(suspended(JUNE))], base, how))
    assert len(apart.flags) == 2
    assert planned([with_flag(suspended(JUNE)), rows(MAY)[0]], apart, how).change is None


def test_rows_that_contradict_about_a_flag_are_reported_on_every_import():
    recorded = after(planned([with_flag(suspended(JUNE))]))
    how = how_flags(OnTermChange.CORRECT)
    for existing, good in ((None, RowOutcome.CREATED), (recorded, RowOutcome.UNCHANGED)):
        rows = [with_flag(suspended(since)) for since in (MAY, JUNE)]
        plan = planned(rows, existing, how)
        assert {result.outcome for result in plan.results} == {good, RowOutcome.REJECTED}
        assert len(after(plan, existing).flags) == 1
        assert planned(rows[::-1], after(plan, existing), how).change is None


def test_a_row_with_an_impossible_part_changes_nothing():
    other = row("k2", date(2025, 1, 1), date(2025, 12, 31), flag=suspended(date(2025, 1, 1)))
    base = after(planned([with_flag(suspended(MAY, JUNE)), other]))
    # Both its term and its flag differ; the flag would overlap the other suspension.
    wrong = row("k1", date(2024, 2, 1), date(2024, 12, 31), flag=suspended(MAY, date(2025, 2, 1)))
    how = replace(how_flags(OnTermChange.CORRECT), on_term_change=OnTermChange.CORRECT)
    plan = planned([wrong], base, how)
    assert plan.change is None
    assert "suspended from" in plan.results[0].errors[0].detail


YEARLY = replace(TYPE, validity=Period(months=12))


def rejection(plan: CredentialPlan) -> tuple[str, str]:
    [result] = plan.results
    assert result.outcome is RowOutcome.REJECTED
    [error] = result.errors
    return error.column, error.detail


def test_an_expiry_that_is_likely_mistyped_rejects_its_row_unless_the_mapping_says_that_it_is_usual():
    far = row("t", date(2026, 1, 1), date(2062, 3, 1))
    column, detail = rejection(planned([far], rules=YEARLY))
    assert column == "UNTIL"
    assert "declare term.unusual = true in the mapping" in detail
    usual = replace(ruling(), unusual=True)
    recorded = after(planned([far], rules=YEARLY, how=usual))
    # What is recorded was accepted once: the same file again changes nothing.
    again = planned([far], recorded, rules=YEARLY)
    assert (again.change, [each.outcome for each in again.results]) == (None, [RowOutcome.UNCHANGED])
    further = row("t", date(2026, 1, 1), date(2063, 3, 1))
    correcting = ruling(on_term_change=OnTermChange.CORRECT)
    assert rejection(planned([further], recorded, correcting, rules=YEARLY))[0] == "UNTIL"
    corrected = planned([further], recorded, replace(correcting, unusual=True), rules=YEARLY)
    assert after(corrected).last_term.expires_on == date(2063, 3, 1)


def test_a_document_that_was_issued_in_the_future_rejects_its_row_and_one_issued_late_does_not():
    plan = planned([row("t", date(2019, 1, 1), date(2020, 1, 1), issued_on=date(2026, 3, 2))])
    assert rejection(plan)[0] == "ISSUED"
    for issued_on in (date(2019, 1, 1), date(2020, 6, 1)):
        assert planned([row("t", date(2019, 1, 1), date(2020, 1, 1), issued_on=issued_on)]).change


def test_a_row_that_knows_only_the_month_is_the_term_of_the_whole_month():
    month = row("t", None, date(2027, 5, 31))
    month = month._replace(term=month.term._replace(month_only=True))
    starting = replace(TYPE, expires_at_rule=ExpiresAtRule.START_OF_DAY)
    [term] = after(planned([month], rules=starting)).terms
    assert (term.expires_on_month, term.expires_at) == ("2027-05", datetime(2027, 6, 1, 5, tzinfo=UTC))
    day = row("t", None, date(2027, 5, 31))
    [term] = after(planned([day], rules=starting)).terms
    assert (term.expires_on_month, term.expires_at) == (None, datetime(2027, 5, 31, 5, tzinfo=UTC))
