"""What rows come to never hangs on their order, nor on how they are divided over files."""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from licet_credentials.credentials.model import Credential, CredentialFacts
from licet_credentials.imports.model import (
    Columns,
    CredentialSaid,
    FlagSaid,
    HolderSaid,
    OnChange,
    OnTermChange,
    Outcome,
    SourceRow,
    TermSaid,
    newest,
)
from licet_credentials.imports.planning import Plan, plan_credential
from licet_credentials.imports.sorting import Ruling
from licet_credentials.imports.terms import MOST_TERMS
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import Category, NumberUnique, RenewalEvidence
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
) -> Ruling:
    columns = Columns("ACCOUNT", "NUMBER", "CODE", "ID")
    return Ruling(on_change, on_term_change, False, columns, "user:importer")


def row(
    key: str,
    start: date | None,
    end: date | None,
    *,
    name: str = "Shop",
    flag: FlagSaid | None = None,
    line: int | None = None,
) -> SourceRow:
    return SourceRow(
        line or next(_lines),
        HolderSaid("A-1", (("name", "Alpha"),)),
        CredentialSaid("shop", "Shop", "100", None, (("name", name),), ()),
        TermSaid(key, start, end, never=False),
        flag,
    )


def planned(
    rows: list[SourceRow],
    existing: Credential | None = None,
    how: Ruling | None = None,
    now: datetime = NOW,
) -> Plan:
    facts = CredentialFacts(holder_id=HOLDER, number="100")
    return plan_credential(rows, existing, TYPE, facts, ZONE, how or ruling(), now)


def after(plan: Plan, existing: Credential | None = None) -> Credential:
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
            flag = FlagSaid(kind, "imported", draw(days), None)
        name = draw(st.sampled_from(["Shop", "Grocer", "Bar"]))
        rows.append(row(f"k{number}", start, end, name=name, flag=flag))
    doubled = draw(st.lists(st.sampled_from(rows), max_size=3))
    return rows + [each._replace(line=next(_lines)) for each in doubled]


@given(histories(), st.randoms(use_true_random=False))
def test_shuffled_rows_come_to_the_same(rows, chance):
    shuffled = chance.sample(rows, len(rows))
    assert essence(after(planned(shuffled))) == essence(after(planned(rows)))


@given(histories(), st.randoms(use_true_random=False))
def test_a_second_time_changes_nothing_in_any_order(rows, chance):
    first = after(planned(rows))
    again = planned(chance.sample(rows, len(rows)), first)
    assert again.change is None
    assert {result.outcome for result in again.results} == {Outcome.UNCHANGED}


@given(histories(), st.data())
def test_two_files_in_any_order_come_to_what_one_comes_to_and_are_repeatable(rows, data):
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


def test_between_equal_rows_what_they_say_decides():
    one = row("k", date(2020, 1, 1), date(2020, 12, 31), name="A", line=2)
    other = row("k", date(2020, 1, 1), date(2020, 12, 31), name="B", line=3)
    assert newest([one, other]).credential == newest([other, one]).credential


FIRST = row("k1", date(2024, 1, 1), date(2024, 12, 31))
LATER = row("k2", date(2025, 1, 1), date(2027, 12, 31))
CHANGED = row("k1", date(2024, 1, 1), date(2024, 11, 30))


def test_a_later_term_renews_and_an_earlier_one_is_added():
    base = after(planned([FIRST]))
    renewed = planned([LATER], base)
    assert renewed.results[0].outcome is Outcome.RENEWED
    assert renewed.change is not None
    assert isinstance(renewed.change.events[0], CredentialRenewed)
    earlier = planned([FIRST], after(planned([LATER])))
    assert earlier.results[0].outcome is Outcome.ADDED
    assert earlier.change is not None
    assert isinstance(earlier.change.events[0], CredentialCorrected)


def test_other_dates_under_a_key_do_what_the_mapping_wants():
    base = after(planned([FIRST]))
    rejected = planned([CHANGED], base)
    assert rejected.change is None
    assert "from 2024-01-01 to 2024-12-31" in rejected.results[0].errors[0].detail
    kept = planned([CHANGED], base, ruling(on_term_change=OnTermChange.KEEP))
    assert (kept.change, kept.results[0].outcome) == (None, Outcome.UNCHANGED)
    corrected = planned([CHANGED], base, ruling(on_term_change=OnTermChange.CORRECT))
    assert corrected.results[0].outcome is Outcome.CORRECTED
    right = after(corrected)
    assert [(term.expires_on, term.revision) for term in right.terms] == [(date(2024, 11, 30), 2)]
    assert planned([CHANGED], right, ruling(on_term_change=OnTermChange.CORRECT)).change is None
    how = ruling(on_term_change=OnTermChange.RENEW)
    renewed = planned([row("k1", date(2025, 1, 1), date(2025, 12, 31))], base, how)
    assert renewed.results[0].outcome is Outcome.RENEWED
    assert len(after(renewed).terms) == 2
    both = [row("k1", date(2025, 1, 1), date(2025, 12, 31)), FIRST]
    assert planned(both, after(renewed), how).change is None


def test_rows_that_contradict_one_another_are_told():
    plan = planned([FIRST, CHANGED])
    assert sorted(result.outcome for result in plan.results) == [Outcome.CREATED, Outcome.REJECTED]
    [error] = next(result.errors for result in plan.results if result.errors)
    assert (error.column, error.value) == ("ID", "k1")
    assert "another row says" in error.detail


def test_changed_facts_do_what_the_mapping_wants():
    base = after(planned([FIRST]))
    other = FIRST._replace(credential=FIRST.credential._replace(facts=(("name", "Bar"),)))
    updated = planned([other], base)
    assert (after(updated).name, updated.results[0].outcome) == ("Bar", Outcome.UPDATED)
    assert planned([other], base, ruling(on_change=OnChange.KEEP)).change is None
    rejected = planned([other], base, ruling(on_change=OnChange.REJECT))
    assert (rejected.change, rejected.results[0].outcome) == (None, Outcome.REJECTED)
    assert "name 'Shop'" in rejected.results[0].errors[0].detail


def test_a_term_that_somebody_entered_by_hand_is_taken_for_the_row_with_its_dates():
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
    assert {result.outcome for result in plan.results} == {Outcome.REJECTED}


def test_nothing_is_recorded_under_a_retired_type():
    retired = TYPE.__class__(**{name: getattr(TYPE, name) for name in TYPE.__slots__} | {"retired": True})
    facts = CredentialFacts(holder_id=HOLDER, number="100")
    plan = plan_credential([FIRST], None, retired, facts, ZONE, ruling(), NOW)
    assert plan.change is None
    assert "retired" in plan.results[0].errors[0].detail
