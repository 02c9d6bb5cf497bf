"""Timelines against the rules for a single instant (docs/concepts.md)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from licet_certifications.eligibility.deciding import decide, places_of
from licet_certifications.eligibility.model import (
    FUTURE,
    NOWHERE_IN_PARTICULAR,
    Check,
    Credential,
    Flag,
    Holder,
    Place,
    Run,
    Stretch,
    Waiver,
    always,
    clip,
    within,
    worst,
)
from licet_certifications.eligibility.rules import NamedType, rulebook_of
from licet_certifications.requirements.expressions import expression_of
from licet_events import civil
from licet_events.catalogue import AttributeCondition, Expression, Operand, RequirementState, Severity
from licet_events.civil import Ending, ExpiresAtRule
from licet_events.credentials import FlagKind
from licet_events.eligibility import ReasonCode, Verdict

TARGET = "role:forklift"
HOLDER = Holder(UUID(int=1), 1, True, frozenset({TARGET}))
YEAR = date(2026, 1, 1)
ENTERED = datetime(2020, 1, 1, tzinfo=UTC)


def day(number: int) -> date:
    return YEAR + timedelta(days=number)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_run(first: date, last: date | None, zone: str = "UTC", ending: Ending = civil.END_OF_DAY) -> Run:
    expires_at = None if last is None else civil.ends_at(last, zone, ending)
    return Run(civil.starts_at(first, zone), expires_at, last, zone, ending)


def a_credential(number: int, *runs: Run, type: str = "licence", **facts) -> Credential:
    return Credential(
        UUID(int=number), 1, HOLDER.id, type, tuple(sorted(runs, key=lambda run: run.starts_at)), **facts
    )


def a_requirement(
    first: date,
    last: date | None = None,
    *,
    number: int = 100,
    version: int = 1,
    zone: str = "UTC",
    expression: Expression = Expression(kind="all_of", types=("licence",)),  # noqa: B008  # frozen
    **rule,
) -> RequirementState:
    return RequirementState(
        id=UUID(int=number),
        version=version,
        target=TARGET,
        expression=expression,
        effective_from=first,
        effective_until=last,
        time_zone=zone,
        starts_at=civil.starts_at(first, zone),
        ends_at=None if last is None else civil.expires_at(last, zone),
        created_at=ENTERED,
        updated_at=ENTERED,
        **rule,
    )


def a_flag(kind: FlagKind, start: datetime, end: datetime = FUTURE) -> Flag:
    return Flag(kind, start, end)


def the_timeline(
    requirements: Sequence[RequirementState],
    credentials: Sequence[Credential],
    *,
    holder: Holder = HOLDER,
    place: Place = NOWHERE_IN_PARTICULAR,
    waivers: Sequence[Waiver] = (),
) -> tuple[Stretch, ...]:
    if place != NOWHERE_IN_PARTICULAR:
        holder = replace(holder, location=place.code)
    decisions = decide(
        holder,
        rulebook_of(TARGET, requirements, {}),
        credentials=credentials,
        places={place.code: place},
        waivers=waivers,
    )
    return decisions[place.code].stretches


def told(stretches: Sequence[Stretch]) -> list[tuple[datetime | None, str, list[str]]]:
    return [
        (one.start, str(one.assessment.verdict), [str(reason.code) for reason in one.assessment.reasons])
        for one in stretches
    ]


FIRST = a_run(date(2026, 1, 1), date(2026, 6, 30))
SECOND = a_run(date(2026, 9, 1), date(2026, 12, 31))
FROM_FEBRUARY = a_requirement(date(2026, 2, 1))


@pytest.mark.parametrize("runs", [(FIRST, SECOND), (SECOND, FIRST)])
def test_two_terms_with_a_gap_give_five_intervals_whichever_was_recorded_first(runs):
    credential = Credential(UUID(int=2), 1, HOLDER.id, "licence", runs)
    assert told(the_timeline([FROM_FEBRUARY], [credential])) == [
        (None, "eligible", ["no_requirement"]),
        (at("2026-02-01"), "eligible", ["valid"]),
        (at("2026-07-01"), "ineligible", ["expired"]),
        (at("2026-09-01"), "eligible", ["valid"]),
        (at("2027-01-01"), "ineligible", ["expired"]),
    ]


def test_before_the_first_run_a_credential_is_not_yet_valid_and_without_one_it_is_missing():
    requirement = a_requirement(date(2025, 1, 1))
    assert told(the_timeline([requirement], [a_credential(2, FIRST)]))[1] == (
        at("2025-01-01"),
        "ineligible",
        ["not_yet_valid"],
    )
    assert told(the_timeline([requirement], [])) == [
        (None, "eligible", ["no_requirement"]),
        (at("2025-01-01"), "ineligible", ["missing"]),
    ]


def test_a_day_ends_in_the_zone_of_the_run_and_of_the_requirement():
    run = a_run(date(2026, 1, 1), date(2026, 6, 30), "America/Chicago")
    requirement = a_requirement(date(2026, 2, 1), zone="Europe/Berlin")
    assert [one.start for one in the_timeline([requirement], [a_credential(2, run)])] == [
        None,
        at("2026-01-31T23:00"),
        at("2026-07-01T05:00"),
    ]


def test_grace_is_a_warning_for_whole_days_after_the_last_valid_one():
    # The night of 28 to 29 March 2026 is the one of summer time in Berlin.
    run = a_run(date(2026, 1, 1), date(2026, 3, 25), "Europe/Berlin")
    credential = a_credential(2, run, grace_days=5)
    assert told(the_timeline([a_requirement(date(2026, 2, 1))], [credential]))[1:] == [
        (at("2026-02-01"), "eligible", ["valid"]),
        (at("2026-03-25T23:00"), "warning", ["grace"]),
        (at("2026-03-30T22:00"), "ineligible", ["expired"]),
    ]


def test_grace_and_days_that_must_remain_end_at_the_time_at_which_insurance_ends():
    # In Chicago, summer time begins on 8 March 2026.
    policy = a_run(
        date(2025, 3, 1), date(2026, 3, 1), "America/Chicago", Ending(ExpiresAtRule.AT_TIME, "00:01")
    )
    credential = a_credential(2, policy, grace_days=10)
    assert told(the_timeline([a_requirement(date(2026, 2, 1))], [credential]))[1:] == [
        (at("2026-02-01"), "eligible", ["valid"]),
        (at("2026-03-01T06:01"), "warning", ["grace"]),
        (at("2026-03-11T05:01"), "ineligible", ["expired"]),
    ]
    requirement = a_requirement(date(2026, 2, 1), min_days_remaining=10)
    assert told(the_timeline([requirement], [credential]))[1:] == [
        (at("2026-02-01"), "eligible", ["valid"]),
        (at("2026-02-19T06:01"), "ineligible", ["too_short"]),
        (at("2026-03-01T06:01"), "ineligible", ["expired"]),
    ]


def test_days_that_must_remain_end_the_use_of_a_term_before_its_expiry():
    requirement = a_requirement(date(2026, 2, 1), min_days_remaining=30)
    assert told(the_timeline([requirement], [a_credential(2, FIRST, grace_days=10)]))[1:] == [
        (at("2026-02-01"), "eligible", ["valid"]),
        (at("2026-06-01"), "ineligible", ["too_short"]),
        (at("2026-07-01"), "ineligible", ["expired"]),
    ]


def test_flags_take_precedence_and_final_ones_have_no_end():
    flags = (
        a_flag(FlagKind.SUSPENDED, at("2026-03-01"), at("2026-04-01")),
        a_flag(FlagKind.REVOKED, at("2026-05-01")),
    )
    credential = a_credential(2, FIRST, SECOND, flags=flags, grace_days=10)
    assert told(the_timeline([FROM_FEBRUARY], [credential]))[1:] == [
        (at("2026-02-01"), "eligible", ["valid"]),
        (at("2026-03-01"), "ineligible", ["suspended"]),
        (at("2026-04-01"), "eligible", ["valid"]),
        (at("2026-05-01"), "ineligible", ["revoked"]),
    ]


def test_another_credential_of_the_type_stands_in_for_a_revoked_one():
    revoked = a_credential(2, FIRST, flags=(a_flag(FlagKind.REVOKED, at("2026-03-01")),))
    other = a_credential(3, a_run(date(2026, 2, 15), date(2026, 4, 30)))
    intervals = the_timeline([FROM_FEBRUARY], [revoked, other])
    assert told(intervals)[1:] == [
        (at("2026-02-01"), "eligible", ["valid"]),
        (at("2026-02-15"), "eligible", ["valid"]),
        (at("2026-05-01"), "ineligible", ["expired"]),
    ]
    assert [one.assessment.reasons[0].credential_id for one in intervals[1:]] == [
        revoked.id,
        other.id,
        other.id,
    ]


def test_a_voided_credential_is_as_if_it_were_not_there():
    assert the_timeline([FROM_FEBRUARY], [a_credential(2, FIRST, voided=True)]) == the_timeline(
        [FROM_FEBRUARY], []
    )


def test_an_unknown_expiry_is_incomplete():
    assert told(the_timeline([FROM_FEBRUARY], [a_credential(2)]))[1][2] == ["incomplete"]


def test_an_advisory_requirement_warns_and_the_mandatory_one_is_told_first():
    advisory = a_requirement(
        date(2026, 2, 1),
        number=99,
        severity=Severity.ADVISORY,
        expression=Expression(kind="all_of", types=("course",)),
    )
    assert told(the_timeline([advisory], []))[1] == (at("2026-02-01"), "warning", ["missing"])
    both = the_timeline([advisory, FROM_FEBRUARY], [])[1].assessment
    assert both.verdict is Verdict.INELIGIBLE
    assert [reason.type for reason in both.reasons] == ["licence", "course"]


@pytest.mark.parametrize(
    ("kind", "k", "held", "verdict", "unmet"),
    [
        ("all_of", None, "ab", "ineligible", ["c"]),
        ("all_of", None, "abc", "eligible", []),
        ("any_of", None, "", "ineligible", ["a", "b", "c"]),
        ("any_of", None, "c", "eligible", []),
        ("k_of", 2, "b", "ineligible", ["a", "c"]),
        ("k_of", 2, "bc", "eligible", []),
    ],
)
def test_all_any_and_k_of(kind, k, held, verdict, unmet):
    requirement = a_requirement(
        date(2026, 2, 1), expression=Expression(kind=kind, types=("a", "b", "c"), k=k)
    )
    credentials = [
        a_credential(number, a_run(date(2026, 1, 1), None), type=code) for number, code in enumerate(held, 2)
    ]
    found = the_timeline([requirement], credentials)[-1].assessment
    assert found.verdict == verdict
    assert [reason.type for reason in found.reasons if reason.code is ReasonCode.MISSING] == unmet


PLACE = Place("chi", 1, "US", "US-IL")


@pytest.mark.parametrize(
    ("place", "country", "subdivision", "code"),
    [
        (PLACE, "US", "US-IL", "valid"),
        (PLACE, "US", None, "valid"),
        (PLACE, "US", "US-WI", "wrong_jurisdiction"),
        (PLACE, "DE", None, "wrong_jurisdiction"),
        (PLACE, None, None, "wrong_jurisdiction"),
        (Place("chi"), "US", None, "wrong_jurisdiction"),
        (NOWHERE_IN_PARTICULAR, "US", "US-IL", "wrong_jurisdiction"),
    ],
)
def test_the_jurisdiction_must_be_that_of_the_location(place, country, subdivision, code):
    requirement = a_requirement(date(2026, 2, 1), match_jurisdiction=True)
    credential = a_credential(2, a_run(date(2026, 1, 1), None), country=country, subdivision=subdivision)
    assert told(the_timeline([requirement], [credential], place=place))[1][2] == [code]


def test_a_requirement_that_names_locations_applies_only_there():
    requirement = a_requirement(date(2026, 2, 1), locations=("chi",))
    assert told(the_timeline([requirement], [])) == [(None, "eligible", ["no_requirement"])]
    assert told(the_timeline([requirement], [], place=PLACE))[1][2] == ["missing"]
    assert places_of(replace(HOLDER, location="ber"), rulebook_of(TARGET, [requirement], {})) == {
        "*",
        "chi",
        "ber",
    }


def test_without_the_role_or_when_the_holder_has_left_nothing_else_counts():
    credential = a_credential(2, FIRST)
    outside = replace(HOLDER, targets=frozenset())
    assert (
        decide(outside, rulebook_of(TARGET, [FROM_FEBRUARY], {}), credentials=[credential], places={}) == {}
    )
    left = replace(HOLDER, active=False)
    assert the_timeline([FROM_FEBRUARY], [credential], holder=left) == always(ReasonCode.HOLDER_INACTIVE)


def test_a_new_version_that_asks_something_else_takes_over_at_its_own_start():
    more = a_requirement(
        date(2026, 4, 1), version=2, expression=Expression(kind="all_of", types=("licence", "course"))
    )
    credential = a_credential(2, a_run(date(2026, 1, 1), None))
    assert told(the_timeline([FROM_FEBRUARY, more], [credential])) == [
        (None, "eligible", ["no_requirement"]),
        (at("2026-02-01"), "eligible", ["valid"]),
        (at("2026-04-01"), "ineligible", ["missing"]),
    ]


def test_a_new_version_in_other_words_is_another_version_though_it_asks_for_as_much():
    later = a_requirement(
        date(2026, 4, 1), version=2, expression=Expression(kind="any_of", types=("licence",))
    )
    assert told(the_timeline([FROM_FEBRUARY, later], []))[1][:2] == (at("2026-02-01"), "ineligible")


def test_a_new_version_that_only_moves_the_dates_takes_the_place_of_the_old_one():
    moved = a_requirement(date(2026, 3, 1), date(2026, 5, 31), version=2)
    assert told(the_timeline([FROM_FEBRUARY, moved], [])) == [
        (None, "eligible", ["no_requirement"]),
        (at("2026-03-01"), "ineligible", ["missing"]),
        (at("2026-06-01"), "eligible", ["no_requirement"]),
    ]


def test_the_worst_verdict_in_a_shift_counts_and_ends_are_half_open():
    intervals = the_timeline([FROM_FEBRUARY], [a_credential(2, FIRST, SECOND)])
    shifts = {
        ("2026-06-30", "2026-07-01"): ("eligible", ["valid"]),
        ("2026-06-30", "2026-07-01T00:00:01"): ("ineligible", ["expired"]),
        ("2026-07-01", "2026-09-01"): ("ineligible", ["expired"]),
        ("2026-09-01", "2026-09-02"): ("eligible", ["valid"]),
        ("2026-01-31", "2026-02-02"): ("eligible", ["no_requirement", "valid"]),
    }
    for (start, end), said in shifts.items():
        found = worst(within(intervals, at(start), at(end)))
        assert (str(found.verdict), [str(reason.code) for reason in found.reasons]) == said


def test_a_timeline_is_clipped_to_a_window():
    intervals = the_timeline([FROM_FEBRUARY], [a_credential(2, FIRST, SECOND)])
    window = clip(intervals, at("2026-06-01"), at("2026-08-01"))
    assert [(one.start, one.end) for one in window] == [
        (at("2026-06-01"), at("2026-07-01")),
        (at("2026-07-01"), at("2026-08-01")),
    ]
    assert clip(intervals, None, None) == intervals


def test_facts_name_the_versions_that_a_timeline_rests_on():
    second = a_requirement(date(2026, 3, 1), version=2)
    other = a_credential(3, FIRST, type="unasked")
    waiver = a_waiver()
    named = decide(
        replace(HOLDER, location="chi"),
        rulebook_of(TARGET, [second, FROM_FEBRUARY], {"licence": NamedType("licence", 4)}),
        credentials=[other, a_credential(2, FIRST)],
        places={"chi": PLACE},
        waivers=[waiver, replace(waiver, id=UUID(int=8), target="role:other")],
    )["chi"].facts
    assert named == (
        ("credential", str(UUID(int=2)), 1),
        ("credential_type", "licence", 4),
        ("holder", str(HOLDER.id), 1),
        ("location", "chi", 1),
        ("requirement", str(UUID(int=100)), 2),
        ("waiver", str(waiver.id), 2),
    )


def a_waiver(**changes) -> Waiver:
    waiver = Waiver(
        UUID(int=9), 2, TARGET, UUID(int=100), None, frozenset(), at("2026-08-01"), at("2026-10-01")
    )
    return replace(waiver, **changes)


@pytest.mark.parametrize(
    "waiver",
    [a_waiver(), a_waiver(type="licence"), a_waiver(requirement_id=None)],
    ids=["requirement", "type", "target"],
)
def test_a_waiver_releases_while_it_holds_and_a_valid_credential_is_preferred(waiver):
    stretches = the_timeline([FROM_FEBRUARY], [a_credential(2, FIRST, SECOND)], waivers=[waiver])
    assert told(stretches)[2:] == [
        (at("2026-07-01"), "ineligible", ["expired"]),
        (at("2026-08-01"), "eligible", ["waived"]),
        (at("2026-09-01"), "eligible", ["valid"]),
        (at("2027-01-01"), "ineligible", ["expired"]),
    ]
    assert stretches[3].assessment.reasons[0].waiver_id == waiver.id


@pytest.mark.parametrize(
    "waiver",
    [a_waiver(requirement_id=UUID(int=1)), a_waiver(type="course"), a_waiver(locations=frozenset({"ber"}))],
    ids=["another requirement", "another type", "another place"],
)
def test_a_waiver_of_something_else_releases_from_nothing(waiver):
    credential = a_credential(2, FIRST)
    assert the_timeline([FROM_FEBRUARY], [credential], waivers=[waiver]) == the_timeline(
        [FROM_FEBRUARY], [credential]
    )


def a_nested_requirement(*parts: Operand, **rule) -> RequirementState:
    return a_requirement(
        date(2026, 2, 1), expression=expression_of(Operand(kind="all_of", operands=parts)), **rule
    )


def held(type: str, number: int, **facts) -> Credential:
    facts = {"attributes": {}, **facts}
    return a_credential(number, a_run(date(2026, 1, 1), None), type=type, **facts)


@pytest.mark.parametrize(
    ("types", "verdict", "missing"),
    [
        ("rn acls", "eligible", []),
        ("rn pals", "eligible", []),
        ("rn", "ineligible", ["acls", "pals"]),
        ("acls pals", "ineligible", ["rn"]),
    ],
)
def test_expressions_nest(types, verdict, missing):
    inner = Operand(kind="any_of", operands=(Operand(type="acls"), Operand(type="pals")))
    requirement = a_nested_requirement(Operand(type="rn"), inner)
    credentials = [held(name, number) for number, name in enumerate(types.split(), 2)]
    found = the_timeline([requirement], credentials)[-1].assessment
    assert found.verdict == verdict
    assert [reason.type for reason in found.reasons if reason.code is ReasonCode.MISSING] == missing


LIMIT = AttributeCondition(attribute="limit", at_least=1_000_000)


@pytest.mark.parametrize(
    ("part", "facts", "code", "condition"),
    [
        ({"where": (LIMIT,)}, {"attributes": {"limit": 1_000_000}}, "valid", None),
        ({"where": (LIMIT,)}, {"attributes": {"limit": 999_999}}, "missing", "attribute:limit"),
        ({"where": (LIMIT,)}, {"attributes": {"limit": "1000000.00"}}, "valid", None),
        ({"where": (LIMIT,)}, {"attributes": {"limit": True}}, "missing", "attribute:limit"),
        ({"where": (LIMIT,)}, {"attributes": {"limit": "2026-01-01"}}, "missing", "attribute:limit"),
        ({"where": (LIMIT,)}, {}, "missing", "attribute:limit"),
        ({"where": (LIMIT,)}, {"attributes": None}, "incomplete", "attribute:limit"),
        ({"issued_by": ("State Board",)}, {"issuer": "STATE BOARD"}, "valid", None),
        ({"issued_by": ("State Board",)}, {"issuer": "Elsewhere"}, "missing", "issuer"),
        ({"match_jurisdiction": True}, {"country": "US"}, "wrong_jurisdiction", None),
    ],
)
def test_a_credential_counts_only_if_it_meets_its_conditions(part, facts, code, condition):
    requirement = a_nested_requirement(Operand(type="licence", **part))
    (reason,) = the_timeline([requirement], [held("licence", 2, **facts)])[-1].assessment.reasons
    assert (str(reason.code), reason.condition) == (code, condition)
    assert reason.credential_id == UUID(int=2)


@pytest.mark.parametrize(
    ("condition", "value", "counts"),
    [
        ({"one_of": ("C", "CE")}, "CE", True),
        ({"one_of": ("C", "CE")}, ("B", "C"), True),
        ({"one_of": ("C", "CE")}, ("B",), False),
        ({"equals": True}, True, True),
        ({"equals": 1}, True, False),
        ({"at_least": "2026-03-01", "at_most": "2026-04-01"}, "2026-03-31", True),
        ({"at_least": "2026-03-01", "at_most": "2026-04-01"}, "2026-04-02", False),
        ({"at_most": "10.5"}, "9.75", True),
        ({"at_most": "10.5"}, "Ten", False),
    ],
)
def test_attributes_are_compared_by_their_kind(condition, value, counts):
    where = (AttributeCondition(attribute="it", **condition),)
    requirement = a_nested_requirement(Operand(type="licence", where=where))
    found = the_timeline([requirement], [held("licence", 2, attributes={"it": value})])[-1].assessment
    assert (found.verdict is Verdict.ELIGIBLE) == counts


def test_a_check_counts_from_its_instant_to_the_end_of_the_day_so_many_days_later():
    requirement = a_nested_requirement(Operand(type="licence", verified_within_days=30))
    credential = a_credential(
        2,
        a_run(date(2026, 1, 1), None, "Europe/Berlin"),
        attributes={},
        check=Check(at("2026-03-10T14:00"), True, None),
    )
    assert told(the_timeline([requirement], [credential]))[1:] == [
        (at("2026-02-01"), "ineligible", ["unverified"]),
        (at("2026-03-10T14:00"), "eligible", ["valid"]),
        (at("2026-04-09T22:00"), "ineligible", ["unverified"]),
    ]
    until = replace(credential, check=Check(at("2026-03-10T14:00"), True, at("2026-03-20")))
    assert told(the_timeline([requirement], [until]))[-1] == (at("2026-03-20"), "ineligible", ["unverified"])
    refuted = replace(credential, check=Check(at("2026-03-10T14:00"), False, None))
    assert told(the_timeline([requirement], [refuted]))[1:] == [
        (at("2026-02-01"), "ineligible", ["unverified"])
    ]


def test_two_names_of_one_type_ask_for_it_once():
    requirement = a_requirement(
        date(2026, 2, 1), expression=Expression(kind="k_of", types=("licence", "permit", "course"), k=3)
    )
    book = rulebook_of(TARGET, [requirement], {"permit": NamedType("licence", 1)})
    assert [one.type for one in book.criteria] == ["course", "licence"]
    assert book.rules[0].plan == (2, (0, 1))
