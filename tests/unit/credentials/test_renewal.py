"""Which dates a renewal has, and which rule gave them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet_chassis.errors import Conflict, Invalid
from licet_credentials.credentials.ends import next_fixed_date
from licet_credentials.credentials.renewal import RenewalRequest, renewal_dates
from licet_credentials.credentials.terms import Term, term_of
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import (
    AgeBand,
    BirthAnchor,
    BirthDay,
    FixedDate,
    LateRenewal,
    Period,
    RenewalBasis,
    YearCycle,
)
from licet_events.civil import END_OF_DAY
from licet_events.credentials import Expiry
from licet_events.ids import uuid7
from unit.credentials.histories import rules, term

OLD = term(date(2025, 7, 1), date(2026, 6, 30))
YEARLY = rules(validity=Period(months=12))


def asked(**said: Any) -> RenewalRequest:
    return RenewalRequest(**said)


def decide(
    request: RenewalRequest, today: date, *, of: CredentialType = YEARLY, before: Term = OLD
) -> tuple[date, str, date, str]:
    dates = renewal_dates(before, of, request, today)
    return (dates.valid_from, dates.valid_from_rule, dates.expires_on, dates.expires_on_rule)


def test_before_expiry_an_early_renewal_loses_nothing():
    assert decide(RenewalRequest(), date(2026, 5, 1)) == (
        date(2026, 7, 1), "day_after_expiry", date(2027, 6, 30), "from_expiry",
    )  # fmt: skip


def test_after_expiry_the_new_term_counts_from_completion():
    assert decide(RenewalRequest(), date(2026, 8, 15)) == (
        date(2026, 8, 15), "completed_on", date(2027, 8, 15), "from_completion",
    )  # fmt: skip


def test_the_last_valid_day_is_still_before_expiry():
    assert decide(RenewalRequest(), date(2026, 6, 30))[3] == "from_expiry"
    assert decide(RenewalRequest(), date(2026, 7, 1))[3] == "from_completion"


def test_the_callers_mode_wins_over_the_types_basis_and_that_over_the_default():
    from_completion = rules(validity=Period(days=90), renewal_basis=RenewalBasis.FROM_COMPLETION)
    request = RenewalRequest(completed_on=date(2026, 6, 1))
    assert decide(request, date(2026, 6, 10), of=from_completion) == (
        date(2026, 6, 1), "completed_on", date(2026, 8, 30), "from_completion",
    )  # fmt: skip
    request = RenewalRequest(mode=RenewalBasis.FROM_EXPIRY)
    assert decide(request, date(2026, 6, 10), of=from_completion)[2] == date(2026, 9, 28)


def test_an_explicit_date_wins():
    request = asked(expires_on=date(2028, 1, 1), mode=RenewalBasis.FROM_EXPIRY)
    assert decide(request, date(2026, 5, 1)) == (
        date(2026, 7, 1), "day_after_expiry", date(2028, 1, 1), "explicit",
    )  # fmt: skip


def test_an_explicit_date_after_a_lapse_starts_on_completion():
    request = asked(expires_on=date(2028, 1, 1), completed_on=date(2026, 9, 1))
    assert decide(request, date(2026, 9, 10))[:2] == (date(2026, 9, 1), "completed_on")


def test_a_fixed_date_is_the_first_one_that_grants_the_minimum():
    fixed = rules(
        renewal_basis=RenewalBasis.FIXED_DATE, fixed_date=FixedDate(month=9, day=30, at_least_months=6)
    )
    assert decide(RenewalRequest(), date(2026, 5, 1), of=fixed) == (
        date(2026, 7, 1), "day_after_expiry", date(2027, 9, 30), "fixed_date",
    )  # fmt: skip


@given(
    st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 12), st.integers(1, 31), st.integers(0, 24)
)
def test_a_fixed_date_is_never_nearer_than_the_minimum_nor_a_year_further(after, month, day, minimum):
    found = next_fixed_date(FixedDate(month=month, day=day, at_least_months=minimum), after)
    assert found.month == month
    assert found.day == day or (found + timedelta(days=1)).month != month
    assert found > after
    assert (found - after).days >= minimum * 28
    assert (found - after).days <= minimum * 31 + 367


def test_adding_months_stops_at_the_last_day_of_the_month():
    before = term(date(2023, 3, 1), date(2024, 2, 29))
    assert decide(RenewalRequest(), date(2024, 2, 1), before=before)[2] == date(2025, 2, 28)


def test_a_type_without_validity_needs_a_date():
    with pytest.raises(Invalid, match="declares no validity") as refused:
        decide(RenewalRequest(), date(2026, 5, 1), of=rules())
    assert refused.value.pointer == "/expires_on"


@pytest.mark.parametrize(
    ("wanted", "pointer", "words"),
    [
        (asked(expires_on=date(2026, 6, 30)), "/expires_on", "must end later"),
        (asked(expires_on=date(2026, 1, 1), valid_from=date(2025, 8, 1)), "/expires_on", "end later"),
        (asked(expires_on=date(2027, 1, 1), valid_from=OLD.valid_from), "/valid_from", "start later"),
        (asked(expires_on=date(2027, 1, 1), valid_from=date(2027, 2, 1)), "/expires_on", "before valid_from"),
    ],
)
def test_a_term_must_start_and_end_later_than_the_one_before(wanted, pointer, words):
    with pytest.raises(Invalid, match=words) as refused:
        decide(wanted, date(2026, 5, 1))
    assert refused.value.pointer == pointer


def test_a_renewal_may_overlap_the_term_before():
    request = asked(expires_on=date(2027, 5, 31), valid_from=date(2026, 6, 1))
    assert decide(request, date(2026, 5, 1))[:2] == (date(2026, 6, 1), "explicit")


def test_a_renewal_before_the_window_needs_force_and_a_reason():
    window = rules(validity=Period(months=12), renewal_window_days=60)
    with pytest.raises(Conflict, match="opens on 2026-05-01"):
        decide(RenewalRequest(), date(2026, 4, 30), of=window)
    with pytest.raises(Invalid, match="needs a reason"):
        decide(RenewalRequest(force=True), date(2026, 4, 30), of=window)
    assert decide(RenewalRequest(force=True, reason="leave"), date(2026, 4, 30), of=window)
    assert decide(RenewalRequest(), date(2026, 5, 1), of=window)


def test_a_term_that_never_expires_is_not_renewed():
    with pytest.raises(Conflict, match="never expires"):
        decide(RenewalRequest(), date(2026, 5, 1), before=term(date(2026, 1, 1), None, expiry=Expiry.NEVER))


def test_after_an_unknown_expiry_an_explicit_date_is_enough():
    before = term(date(2026, 1, 1), None, expiry=Expiry.UNKNOWN)
    request = asked(expires_on=date(2027, 1, 1))
    assert decide(request, date(2026, 5, 1), before=before)[2] == date(2027, 1, 1)


ENDED = term(date(2023, 2, 1), date(2026, 1, 31))
BY_EXPIRY = rules(validity=Period(months=36), renewal_basis=RenewalBasis.FROM_EXPIRY)


def late(of: CredentialType, today: date, **said: Any) -> tuple[date, date, int, str | None]:
    dates = renewal_dates(ENDED, of, asked(**said), today)
    return dates.valid_from, dates.expires_on, dates.late_days, dates.late_renewal


@pytest.mark.parametrize(
    ("changes", "today", "said", "expected"),
    [
        ({}, date(2026, 11, 29), {}, (date(2026, 11, 29), date(2029, 11, 28), 302, "from_completion")),
        ({}, date(2026, 2, 1), {}, (date(2026, 2, 1), date(2029, 1, 31), 1, "from_completion")),
        # Completed in time and entered late: nothing has lapsed.
        ({}, date(2026, 3, 1), {"completed_on": date(2026, 1, 31)},
         (date(2026, 2, 1), date(2029, 1, 31), 0, None)),
        ({}, date(2026, 11, 29), {"completed_on": date(2026, 3, 1)},
         (date(2026, 3, 1), date(2029, 2, 28), 29, "from_completion")),
        ({"late_renewal": LateRenewal.FROM_EXPIRY, "late_renewal_days": 30}, date(2026, 3, 2), {},
         (date(2026, 2, 1), date(2029, 1, 31), 30, "from_expiry")),
        ({"late_renewal": LateRenewal.FROM_EXPIRY, "late_renewal_days": 30}, date(2026, 3, 3), {},
         (date(2026, 3, 3), date(2029, 3, 2), 31, "from_completion")),
        ({"late_renewal": LateRenewal.FROM_EXPIRY, "late_renewal_days": 30}, date(2026, 3, 2),
         {"expires_on": date(2029, 2, 15)}, (date(2026, 2, 1), date(2029, 2, 15), 30, "from_expiry")),
        # Not silent: the caller asks for it by name.
        ({}, date(2026, 11, 29), {"mode": RenewalBasis.FROM_EXPIRY},
         (date(2026, 2, 1), date(2029, 1, 31), 302, "from_expiry")),
        ({"late_renewal": LateRenewal.FROM_EXPIRY, "late_renewal_days": 30, "renewal_basis": None},
         date(2026, 3, 2), {}, (date(2026, 2, 1), date(2029, 1, 31), 30, "from_expiry")),
        ({"late_renewal": LateRenewal.FROM_EXPIRY, "late_renewal_days": 30,
          "renewal_basis": RenewalBasis.FIXED_DATE, "fixed_date": FixedDate(month=1, day=31)},
         date(2026, 3, 2), {}, (date(2026, 2, 1), date(2027, 1, 31), 30, "from_expiry")),
        ({"validity": Period(days=30)}, date(2026, 11, 29), {},
         (date(2026, 11, 29), date(2026, 12, 28), 302, "from_completion")),
    ],
)  # fmt: skip
def test_a_late_renewal_is_not_back_dated_unless_the_type_or_the_caller_says_so(
    changes, today, said, expected
):
    assert late(replace(BY_EXPIRY, **changes), today, **said) == expected


@pytest.mark.parametrize("basis", [*RenewalBasis, None])
def test_a_type_may_take_no_late_renewal(basis: RenewalBasis | None):
    strict = replace(
        BY_EXPIRY,
        renewal_basis=basis, fixed_date=FixedDate(month=1, day=31), late_renewal=LateRenewal.REFUSED,
    )  # fmt: skip
    assert late(strict, date(2026, 1, 31))[2:] == (0, None)
    for said in ({}, {"expires_on": date(2030, 1, 1)}, {"mode": RenewalBasis.FROM_EXPIRY},
                 {"force": True, "reason": "x"}):  # fmt: skip
        with pytest.raises(Conflict, match="takes no renewal after the expiry"):
            late(strict, date(2026, 2, 1), **said)


def test_a_late_renewal_on_an_odd_cycle_ends_with_the_next_odd_year():
    odd = rules(
        renewal_basis=RenewalBasis.FIXED_DATE, fixed_date=FixedDate(month=10, day=31, years=YearCycle.ODD)
    )
    before = term(date(2025, 11, 1), date(2027, 10, 31))
    assert decide(RenewalRequest(), date(2028, 11, 15), of=odd, before=before) == (
        date(2028, 11, 15), "completed_on", date(2029, 10, 31), "fixed_date",
    )  # fmt: skip
    assert decide(RenewalRequest(), date(2027, 9, 1), of=odd, before=before)[:3] == (
        date(2027, 11, 1), "day_after_expiry", date(2029, 10, 31),
    )  # fmt: skip


def test_a_whole_year_is_enough_for_a_minimum_of_twelve_months():
    yearly = rules(
        renewal_basis=RenewalBasis.FIXED_DATE, fixed_date=FixedDate(month=6, day=30, at_least_months=12)
    )
    assert decide(RenewalRequest(), date(2026, 5, 1), of=yearly)[2] == date(2027, 6, 30)


def test_a_birth_anchor_takes_the_place_of_the_basis():
    by_month = rules(birth_anchor=BirthAnchor(at=BirthDay.BIRTH_MONTH, at_least_months=24))
    before = term(date(2024, 6, 1), date(2026, 5, 31))
    dates = renewal_dates(before, by_month, RenewalRequest(), date(2026, 5, 1), date(1990, 5, 17))
    assert (dates.valid_from, dates.expires_on, dates.expires_on_rule) == (
        date(2026, 6, 1), date(2028, 5, 31), "birth_month",
    )  # fmt: skip
    with pytest.raises(Invalid, match="birth_date"):
        renewal_dates(before, by_month, RenewalRequest(), date(2026, 5, 1))
    assert renewal_dates(before, by_month, asked(expires_on=date(2028, 1, 1)), date(2026, 5, 1))


def test_the_age_counts_on_the_day_of_completion():
    medical = rules(
        validity=Period(months=60), age_bands=(AgeBand(from_age=40, months=24),),
        renewal_basis=RenewalBasis.FROM_COMPLETION,
    )  # fmt: skip
    born, today = date(1986, 5, 1), date(2026, 5, 3)
    ends = [
        renewal_dates(OLD, medical, asked(completed_on=day), today, born).expires_on
        for day in (date(2026, 4, 30), date(2026, 5, 1))
    ]
    assert ends == [date(2031, 4, 30), date(2028, 5, 1)]


def test_what_was_completed_was_completed_by_today_in_its_zone() -> None:
    recorded_at = datetime(2026, 6, 1, 2, tzinfo=UTC)
    for zone, last in (("UTC", date(2026, 6, 1)), ("America/Chicago", date(2026, 5, 31))):
        fields: dict[str, Any] = {
            "valid_from": None, "expires_on": date(2027, 6, 1), "expiry": Expiry.DATED, "time_zone": zone,
            "recorded_at": recorded_at, "ending": END_OF_DAY,
        }  # fmt: skip
        assert term_of(uuid7(), completed_on=last, **fields).completed_on == last
        with pytest.raises(Invalid, match="lies in the future"):
            term_of(uuid7(), completed_on=last + timedelta(days=1), **fields)
        assert term_of(uuid7(), completed_on=last + timedelta(days=1), award_id=uuid7(), **fields)
