"""What follows from a printed date that is not the last valid day, and from one that is only a month."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from licet_chassis.errors import Invalid
from licet_credentials.credentials.change import Change
from licet_credentials.credentials.corrections import Correction, correct
from licet_credentials.credentials.dates import require_order
from licet_credentials.credentials.renewal import RenewalRequest, renewal_dates
from licet_credentials.credentials.runs import lapses_of, runs_of
from licet_credentials.credentials.steps import apply_rules
from licet_credentials.credentials.validity import days_left, validity
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import FixedDate, Period, RenewalBasis
from licet_events.civil import END_OF_DAY, Ending, ExpiresAtRule
from licet_events.credentials import Validity
from unit.credentials.histories import NOW, credential, rules, term

START_OF_DAY = Ending(ExpiresAtRule.START_OF_DAY)
INSURANCE = Ending(ExpiresAtRule.AT_TIME, "00:01")
POLICY = rules(
    validity=Period(months=12), renewal_basis=RenewalBasis.FROM_EXPIRY, expires_at_rule=ExpiresAtRule.AT_TIME,
    expires_at_time="00:01",
)  # fmt: skip
MARCH = date(2027, 3, 1)


def at(day: date, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize("ending", [START_OF_DAY, INSURANCE])
def test_a_term_that_begins_on_the_printed_day_follows_without_a_lapse(ending: Ending):
    first = term(date(2026, 3, 1), MARCH, ending=ending)
    for begins, runs in ((MARCH, 1), (MARCH + timedelta(days=1), 2)):
        both = (first, term(begins, date(2028, 3, 1), number=2, ending=ending))
        assert len(runs_of(both, ())) == runs
    [lapse] = lapses_of(both)
    assert (lapse.first_day, lapse.last_day) == (MARCH, MARCH)


def test_the_ladder_and_the_days_left_count_to_the_last_whole_day():
    policy = credential(term(date(2026, 3, 1), MARCH, ending=INSURANCE), ladder=(30, 0))
    [run] = policy.runs
    assert (run.last_day, run.expires_at) == (date(2027, 2, 28), at(MARCH, 0, 1))
    assert run.expiring_at == at(date(2027, 1, 29))
    for day, left in ((date(2027, 2, 27), 1), (date(2027, 2, 28), 0), (MARCH, -1)):
        assert days_left(policy, at(day, 12)) == left
    assert validity(policy.runs, (), at(MARCH)) is Validity.EXPIRING
    assert validity(policy.runs, (), at(MARCH, 0, 1)) is Validity.EXPIRED


def dates(
    before: date, of: CredentialType, request: RenewalRequest, today: date, *, month_only: bool = False
) -> tuple[date, date, bool, bool]:
    last = replace(term(date(2020, 1, 1), before, ending=of.ending), month_only=month_only)
    found = renewal_dates(last, of, request, today)
    return found.valid_from, found.expires_on, found.month_only, found.end_of_month


def test_a_renewal_of_insurance_begins_on_the_printed_day():
    assert dates(MARCH, POLICY, RenewalRequest(), date(2027, 2, 1)) == (
        MARCH, date(2028, 3, 1), False, False,
    )  # fmt: skip
    # After a lapse a whole period follows: its last day is the one before the printed day.
    late = RenewalRequest(completed_on=date(2027, 5, 10))
    assert dates(MARCH, POLICY, late, date(2027, 5, 10))[:2] == (date(2027, 5, 10), date(2028, 5, 10))


@pytest.mark.parametrize(
    ("rule", "completed", "end", "moved"),
    [
        ({"validity": Period(months=24)}, "2026-03-10", "2028-03-31", True),
        ({"validity": Period(months=24)}, "2026-03-31", "2028-03-31", False),
        ({"validity": Period(months=24)}, "2026-02-01", "2028-02-29", True),
        ({"validity": Period(days=365)}, "2026-03-10", "2027-03-31", True),
        ({"renewal_basis": RenewalBasis.FIXED_DATE, "fixed_date": FixedDate(month=10, day=5)},
         "2026-03-10", "2026-10-31", True),
    ],
)  # fmt: skip
def test_the_date_of_a_rule_moves_to_the_end_of_its_month(
    rule: dict[str, object], completed: str, end: str, moved: bool
):
    card = rules(**{"renewal_basis": RenewalBasis.FROM_COMPLETION, "end_of_month": True, **rule})
    request = RenewalRequest(completed_on=date.fromisoformat(completed))
    _, expires_on, _, end_of_month = dates(date(2026, 2, 1), card, request, date(2026, 4, 1))
    assert (expires_on, end_of_month) == (date.fromisoformat(end), moved)


def test_an_entered_date_is_not_moved_to_the_end_of_its_month():
    card = rules(validity=Period(months=24), end_of_month=True)
    request = RenewalRequest(expires_on=date(2028, 3, 10))
    assert dates(date(2026, 3, 31), card, request, date(2026, 3, 1))[1] == date(2028, 3, 10)


def test_what_is_counted_from_a_month_is_known_to_the_month():
    card = rules(validity=Period(months=12), renewal_basis=RenewalBasis.FROM_EXPIRY)
    assert dates(date(2027, 2, 28), card, RenewalRequest(), date(2027, 2, 1), month_only=True) == (
        date(2027, 3, 1), date(2028, 2, 29), True, True,
    )  # fmt: skip


def test_a_term_without_a_valid_moment_is_refused():
    require_order(MARCH, MARCH, END_OF_DAY)
    require_order(MARCH, MARCH, INSURANCE)
    with pytest.raises(Invalid, match="is not valid any more"):
        require_order(MARCH, MARCH, START_OF_DAY)


def test_another_rule_revises_the_terms_that_have_not_ended_by_both():
    over = term(date(2024, 3, 1), date(2025, 3, 1))
    # By the rule before it ended at the last midnight, by the present one it ends at the next.
    today = term(date(2025, 6, 1), NOW.date(), number=2, ending=START_OF_DAY)
    month = replace(term(date(2027, 1, 1), date(2027, 5, 31), number=3), month_only=True)
    held = credential(over, today, month, ladder=())
    assert validity(held.runs, (), NOW) is Validity.EXPIRED
    before = Change(replace(held, announced=Validity.EXPIRED, announced_at=NOW))
    evening = rules(expires_at_rule=ExpiresAtRule.AT_TIME, expires_at_time="18:00", version=2)
    after = apply_rules(before, evening, NOW)
    assert [each.revision for each in after.credential.terms] == [1, 2, 1]
    assert [type(event).__name__ for event in after.events] == [
        "CredentialUpdated",
        "CredentialStatusChanged",
    ]
    assert validity(after.credential.runs, (), NOW) is Validity.ACTIVE
    assert apply_rules(after, replace(evening, version=3), NOW).events == after.events
    # What had not ended keeps its revision: no reminder of it comes again, none is lost.
    noon = apply_rules(after, replace(evening, expires_at_time="13:00", version=4), NOW).credential
    assert [each.revision for each in noon.terms] == [1, 2, 1]
    assert noon.terms[1].expires_at == NOW.replace(hour=13)


def test_the_right_type_reads_the_printed_dates_by_its_own_rule():
    held = credential(term(date(2026, 3, 1), MARCH), ladder=())
    right = replace(POLICY, code="policy")
    change = correct(
        Change(held), Correction("misfiled", type="policy", term={"expires_on": date(2027, 4, 1)}), NOW,
        was=rules(), rules=right, actor="user:1",
    )  # fmt: skip
    [corrected] = change.credential.terms
    assert (corrected.revision, corrected.expires_at) == (2, at(date(2027, 4, 1), 0, 1))
    change = correct(
        Change(held), Correction("misfiled", type="policy"), NOW, was=rules(), rules=right, actor="user:1"
    )
    [corrected] = change.credential.terms
    assert (corrected.revision, corrected.expires_at) == (2, at(MARCH, 0, 1))
