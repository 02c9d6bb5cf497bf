"""Timelines against the rules for a single instant (docs/concepts.md)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licet_certifications.eligibility.model import (
    NOWHERE_IN_PARTICULAR,
    Credential,
    Holder,
    Place,
    always,
    clip,
    facts,
    places_of,
    timeline,
    within,
    worst,
)
from licet_events import civil
from licet_events.catalogue import Expression, RequirementState, Severity
from licet_events.credentials import FlagKind, FlagState, RunState
from licet_events.eligibility import Interval, Reason, ReasonCode, Verdict

TARGET = "role:forklift"
HOLDER = Holder(UUID(int=1), 1, True, frozenset({TARGET}))
YEAR = date(2026, 1, 1)
ENTERED = datetime(2020, 1, 1, tzinfo=UTC)


def day(number: int) -> date:
    return YEAR + timedelta(days=number)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_run(first: date, last: date | None, zone: str = "UTC") -> RunState:
    return RunState(
        starts_at=civil.starts_at(first, zone),
        expires_at=None if last is None else civil.expires_at(last, zone),
        expires_on=last,
        time_zone=zone,
        term_id=UUID(int=7),
        term_revision=1,
    )


def a_credential(number: int, *runs: RunState, type: str = "licence", **facts) -> Credential:
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


def a_flag(kind: FlagKind, start: datetime, until: datetime | None = None, number: int = 50) -> FlagState:
    return FlagState(id=UUID(int=number), kind=kind, effective_from=start, until=until, reason="x")


def the_timeline(
    requirements: Sequence[RequirementState],
    credentials: Sequence[Credential],
    *,
    holder: Holder = HOLDER,
    place: Place = NOWHERE_IN_PARTICULAR,
) -> tuple[Interval, ...]:
    return timeline(
        holder=holder, target=TARGET, place=place, requirements=requirements, credentials=credentials
    )


def told(intervals: Sequence[Interval]) -> list[tuple[datetime | None, str, list[str]]]:
    return [(one.start, str(one.verdict), [str(reason.code) for reason in one.reasons]) for one in intervals]


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
        a_flag(FlagKind.REVOKED, at("2026-05-01"), number=51),
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
    assert [one.reasons[0].credential_id for one in intervals[1:]] == [revoked.id, other.id, other.id]


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
    both = the_timeline([advisory, FROM_FEBRUARY], [])[1]
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
    interval = the_timeline([requirement], credentials)[-1]
    assert interval.verdict == verdict
    assert [reason.type for reason in interval.reasons if reason.code is ReasonCode.MISSING] == unmet


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
    assert places_of(replace(HOLDER, location="ber"), [requirement]) == {"*", "chi", "ber"}


def test_without_the_role_or_when_the_holder_has_left_nothing_else_counts():
    credential = a_credential(2, FIRST)
    outside = replace(HOLDER, targets=frozenset())
    assert the_timeline([FROM_FEBRUARY], [credential], holder=outside) == always(ReasonCode.NOT_ASSIGNED)
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
    named = facts(
        holder=HOLDER,
        place=PLACE,
        requirements=[second, FROM_FEBRUARY],
        credentials=[other, a_credential(2, FIRST)],
        types={"licence": 4, "unasked": 5},
    )
    assert [(fact.kind, fact.id, fact.version) for fact in named] == [
        ("credential", str(UUID(int=2)), 1),
        ("credential_type", "licence", 4),
        ("holder", str(HOLDER.id), 1),
        ("location", "chi", 1),
        ("requirement", str(UUID(int=100)), 2),
    ]


# The same rules once more, for one instant at a time and without any algebra.

ORDER = ["valid", "grace", "too_short", "wrong_jurisdiction", "incomplete", "suspended", "expired"]
ORDER += ["not_yet_valid", "surrendered", "revoked"]


def code_at(credential: Credential, requirement: RequirementState, place: Place, now: datetime) -> str:
    in_force = {
        flag.kind
        for flag in credential.flags
        if flag.effective_from <= now and (flag.kind.final or flag.until is None or now < flag.until)
    }
    for kind in (FlagKind.REVOKED, FlagKind.SURRENDERED, FlagKind.SUSPENDED):
        if kind in in_force:
            return str(kind)
    if not credential.runs:
        return "incomplete"
    right_place = not requirement.match_jurisdiction or (
        place.country is not None
        and place.country == credential.country
        and credential.subdivision in (None, place.subdivision)
    )
    n = requirement.min_days_remaining
    past = [run for run in credential.runs if run.starts_at <= now]
    for run in past:
        if run.expires_at is None or now < run.expires_at:
            if not right_place:
                return "wrong_jurisdiction"
            # Zones are UTC here, where a day is 24 hours.
            if n and run.expires_at is not None and now >= run.expires_at - timedelta(days=n):
                return "too_short"
            return "valid"
    for run in past:
        if run.expires_at and now < run.expires_at + timedelta(days=credential.grace_days) and not n:
            return "grace" if right_place else "wrong_jurisdiction"
    return "expired" if past else "not_yet_valid"


def verdict_at(
    requirements: Sequence[RequirementState], credentials: Sequence[Credential], place: Place, now: datetime
) -> tuple[str, set[tuple[str, str]]]:
    """Return the verdict and its (type, code)s."""
    newest: dict[UUID, RequirementState] = {}
    for state in sorted(requirements, key=lambda one: one.version):
        if state.starts_at <= now:
            newest[state.id] = state
    said: list[tuple[int, set[tuple[str, str]]]] = []
    for state in newest.values():
        if (state.ends_at and state.ends_at <= now) or (
            state.locations and place.code not in state.locations
        ):
            continue
        codes = {}
        for name in state.expression.types:
            held = [
                code_at(one, state, place, now) for one in credentials if one.type == name and not one.voided
            ]
            codes[name] = min(held, key=ORDER.index) if held else "missing"
        valid = [(name, code) for name, code in sorted(codes.items()) if code == "valid"]
        grace = [(name, code) for name, code in sorted(codes.items()) if code == "grace"]
        needed = {"all_of": len(codes), "any_of": 1, "k_of": state.expression.k or 1}[state.expression.kind]
        if len(valid) >= needed:
            said.append((0, set(valid[:needed])))
        elif len(valid) + len(grace) >= needed:
            said.append((1, set(grace[: needed - len(valid)])))
        else:
            unmet = {(name, code) for name, code in codes.items() if code not in ("valid", "grace")}
            said.append((2 if state.severity is Severity.MANDATORY else 1, unmet))
    if not said:
        return "eligible", {("", "no_requirement")}
    gravity = max(one for one, _ in said)
    reasons = set().union(*(found for one, found in said if one > 0 or gravity == 0))
    return ["eligible", "warning", "ineligible"][gravity], reasons


days = st.integers(0, 60).map(day)
types = st.sampled_from(["a", "b", "c"])


@st.composite
def some_credentials(draw):
    credentials = []
    for number in range(draw(st.integers(0, 4))):
        edges = sorted(draw(st.lists(days, min_size=0, max_size=6, unique=True)))
        runs = [a_run(first, last) for first, last in zip(edges[::2], edges[1::2], strict=False)]
        if len(edges) % 2:
            runs.append(a_run(edges[-1], None))
        flags = [
            a_flag(kind, start, until if kind is FlagKind.SUSPENDED else None, 500 + index)
            for index, (kind, start, until) in enumerate(
                draw(
                    st.lists(
                        st.tuples(
                            st.sampled_from(FlagKind),
                            st.integers(0, 60).map(lambda n: ENTERED.replace(year=2026) + timedelta(days=n)),
                            st.none()
                            | st.integers(0, 60).map(
                                lambda n: ENTERED.replace(year=2026) + timedelta(days=n)
                            ),
                        ),
                        max_size=2,
                    )
                )
            )
        ]
        credentials.append(
            a_credential(
                number + 2,
                *runs,
                type=draw(types),
                flags=tuple(flags),
                grace_days=draw(st.integers(0, 8)),
                country=draw(st.sampled_from([None, "US"])),
                subdivision=draw(st.sampled_from([None, "US-IL", "US-WI"])),
                voided=draw(st.sampled_from([False, False, False, True])),
            )
        )
    return credentials


@st.composite
def some_requirements(draw):
    requirements = []
    for number in range(draw(st.integers(0, 3))):
        for version in range(1, draw(st.integers(1, 2)) + 1):
            first = draw(days)
            named = tuple(sorted(draw(st.sets(types, min_size=1))))
            kind = draw(st.sampled_from(["all_of", "any_of", "k_of"]))
            k = draw(st.integers(1, len(named))) if kind == "k_of" else None
            requirements.append(
                a_requirement(
                    first,
                    draw(st.none() | st.dates(first, first + timedelta(days=30))),
                    number=100 + number,
                    version=version,
                    expression=Expression(kind=kind, types=named, k=k),
                    severity=draw(st.sampled_from(Severity)),
                    # Versions that ask the same replace one another; two that differ in this never do.
                    min_days_remaining=draw(st.integers(0, 3)) * 2 + (version - 1),
                    match_jurisdiction=draw(st.booleans()),
                    locations=draw(st.sampled_from([(), ("chi",), ("ber", "chi"), ("ber",)])),
                )
            )
    return requirements


@settings(max_examples=200, deadline=None)
@given(
    some_requirements(),
    some_credentials(),
    st.sampled_from([NOWHERE_IN_PARTICULAR, PLACE]),
    st.lists(st.integers(-10, 100 * 24), min_size=1, max_size=30),
    st.randoms(use_true_random=False),
)
def test_the_timeline_says_of_each_instant_what_the_rules_say(
    requirements, credentials, place, hours, random
):
    intervals = the_timeline(requirements, credentials, place=place)
    for hour in hours:
        now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
        one = interval_at(intervals, now)
        said = {(reason.type or "", str(reason.code)) for reason in one.reasons}
        assert (str(one.verdict), said) == verdict_at(requirements, credentials, place, now)

    assert intervals[0].start is None
    assert intervals[-1].end is None
    for before, after in pairwise(intervals):
        assert before.end == after.start
        assert before.end is not None
        assert (before.verdict, before.reasons) != (after.verdict, after.reasons)

    random.shuffle(requirements)
    random.shuffle(credentials)
    reversed_runs = [replace(one, runs=one.runs[::-1], flags=one.flags[::-1]) for one in credentials]
    assert the_timeline(requirements, reversed_runs, place=place) == intervals


def interval_at(intervals: Sequence[Interval], now: datetime) -> Interval:
    found = [
        one
        for one in intervals
        if (one.start is None or one.start <= now) and (one.end is None or now < one.end)
    ]
    assert len(found) == 1
    return found[0]


def test_what_the_contract_reads_back_is_what_was_computed():
    for one in the_timeline([FROM_FEBRUARY], [a_credential(2, FIRST, SECOND)]):
        assert Interval.model_validate_json(one.model_dump_json()) == one
        assert all(isinstance(reason, Reason) for reason in one.reasons)
