"""What a version may say, and where each fault is told to lie."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licet_certifications.facts.model import TypeFacts
from licet_certifications.programmes.bodies import VersionIn
from licet_certifications.programmes.checking import require_a_way_in, require_sense, require_type
from licet_certifications.programmes.model import (
    Approver,
    Component,
    ComponentKind,
    Definition,
    counted_credits,
)
from licet_chassis.errors import Invalid


def component(code: str, **facts: Any) -> dict[str, Any]:
    return {"code": code, "name": code.title(), "kind": "course", **facts}


def definition(*components: dict[str, Any], **facts: Any) -> Definition:
    body = {"components": list(components) or [component("course")], **facts}
    return VersionIn.model_validate(body).definition(programmes_type="card")


def fault(*components: dict[str, Any], **facts: Any) -> tuple[str | None, str]:
    with pytest.raises(Invalid) as refused:
        require_sense(definition(*components, **facts), programme="scheme")
    return refused.value.pointer, refused.value.detail


def test_a_component_needs_no_more_than_code_name_and_kind():
    require_sense(definition(component("course")), programme="scheme")


def test_a_version_issues_what_its_programme_does_unless_it_says_otherwise():
    assert definition().credential_type == "card"
    assert definition(credential_type=None).credential_type is None
    assert definition(credential_type="licence").credential_type == "licence"


def test_true_means_the_default_approver_and_an_object_names_one():
    approvals = definition(
        approvals={"enrolment": True, "completion": {"teams": ["north"], "two_people": True}}
    ).approvals
    assert approvals.enrolment == Approver()
    assert approvals.completion == Approver(teams=("north",), two_people=True)
    assert approvals.components is None


def test_a_component_that_asks_for_approval_has_somebody_who_decides():
    asked = definition(component("course", approval=True), component("exam"))
    assert asked.approvals.components == Approver()
    assert [one.approval for one in asked.components] == [True, False]
    everywhere = definition(component("course"), component("exam"), approvals={"components": True})
    assert [one.approval for one in everywhere.components] == [True, True]
    with pytest.raises(Invalid) as refused:
        definition(component("course", approval=True), approvals={"components": False})
    assert refused.value.pointer == "/components/0/approval"


def test_a_circle_of_prerequisites_is_named():
    pointer, detail = fault(
        component("start"),
        component("a", prerequisites=["start", "b"]),
        component("b", prerequisites=["c"]),
        component("c", prerequisites=["a"]),
    )
    assert (pointer, "a → b → c → a" in detail) == ("/components/1/prerequisites", True)


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"components": [component("a"), component("A")]}, "/components/1/code"),
        ({"components": [component("a", prerequisites=["b"])]}, "/components/0/prerequisites/0"),
        ({"components": [component("a", prerequisites=["a"])]}, "/components/0/prerequisites"),
        (
            {
                "components": [
                    component("a", sources=[{"source": "lms", "id": "1"}]),
                    component("b", sources=[{"source": "lms", "id": "2"}, {"source": "lms", "id": "1"}]),
                ]
            },
            "/components/1/sources/1",
        ),
        ({"components": [component("a", required=False)]}, "/components"),
        (
            {"completion": {"groups": [{"name": "one", "k": 2, "components": ["course"]}]}},
            "/completion/groups/0/k",
        ),
        (
            {"completion": {"groups": [{"name": "one", "k": 0, "components": ["course"]}]}},
            "/completion/groups/0/k",
        ),
        (
            {"completion": {"groups": [{"name": "one", "k": 1, "components": ["gone"]}]}},
            "/completion/groups/0/components/0",
        ),
        ({"completion": {"credits": [{"minimum": 1}]}}, "/completion/credits/0/minimum"),
        ({"completion": {"credits": [{"category": "law", "minimum": 1}]}}, "/completion/credits/0/minimum"),
        ({"completion": {"credits": [{"cap": 1}]}}, "/completion/credits/0/cap"),
        (
            {"completion": {"credits": [{"category": "law"}, {"category": "law"}]}},
            "/completion/credits/1/category",
        ),
        (
            {
                "components": [component("a", credits=8, category="law"), component("b", credits=4)],
                "completion": {"credits": [{"minimum": 10}, {"category": "law", "cap": 5}]},
            },
            "/completion/credits/0/minimum",
        ),
        ({"credential_type": None, "recertification": {"window_days": 30}}, "/recertification"),
        (
            {
                "recertification": {
                    "window_days": 30,
                    "components": [component("x", prerequisites=["course"])],
                }
            },
            "/recertification/components/0/prerequisites/0",
        ),
        (
            {"recertification": {"window_days": 30, "completion": {"credits": [{"minimum": 1}]}}},
            "/recertification/completion/credits/0/minimum",
        ),
        ({"entry": {"required_programmes": ["other", "scheme"]}}, "/entry/required_programmes/1"),
        ({"entry": {"roles": ["cook", "cook"]}}, "/entry/roles/1"),
    ],
)
def test_each_fault_is_told_with_where_it_lies(said, pointer):
    components = said.pop("components", [])
    assert fault(*components, **said)[0] == pointer


def test_a_recertification_has_the_first_path_or_one_of_its_own():
    same = definition(component("a"), recertification={"window_days": 90})
    assert same.path(recertification=True) == same.path(recertification=False)
    own = definition(
        component("a", credits=2),
        completion={"credits": [{"minimum": 2}]},
        recertification={"window_days": 90, "components": [component("b")]},
    )
    require_sense(own, programme="scheme")
    components, rule = own.path(recertification=True)
    assert ([one.code for one in components], rule.credits) == (["b"], ())


def test_a_type_that_is_retired_or_an_alias_or_unknown_is_not_issued():
    require_type("card", None, known=False)
    for found in (None, TypeFacts("card", retired=True), TypeFacts("licence", aliases=("card",))):
        with pytest.raises(Invalid) as refused:
            require_type("card", found)
        assert refused.value.pointer == "/credential_type"
    with pytest.raises(Invalid) as refused:
        require_type("card", TypeFacts("card", expires=False), recertifies=True)
    assert refused.value.pointer == "/recertification"


def test_programmes_that_require_each_other_let_nobody_in():
    require_a_way_in("a", {"a": ["b"], "b": []})
    with pytest.raises(Invalid, match="a → b → a"):
        require_a_way_in("a", {"a": ["b"], "b": ["a"]})


def test_a_category_adds_no_more_than_its_cap_to_the_total():
    rules = definition(
        component("x", credits=9, category="law"), completion={"credits": [{"category": "law", "cap": 3}]}
    ).completion.credits
    assert counted_credits(rules, {"law": 9, None: 0.1, "other": 0.2}) == 3.3


codes = st.integers(0, 7)


@settings(deadline=None)
@given(st.dictionaries(codes, st.sets(codes), min_size=8, max_size=8))
def test_prerequisites_pass_exactly_when_the_components_can_be_done_in_some_order(needs):
    components = tuple(
        Component(
            code=f"c{code}", name="C", kind=ComponentKind.TASK,
            prerequisites=tuple(f"c{need}" for need in sorted(needs[code])),
        )
        for code in sorted(needs)
    )  # fmt: skip
    done: set[int] = set()
    while able := {code for code in needs if code not in done and needs[code] <= done}:
        done |= able
    try:
        require_sense(Definition(components=components), programme="scheme")
    except Invalid as refused:
        assert len(done) < 8
        circle = refused.detail.split(": ")[1].split(". ")[0].split(" → ")
        steps = list(pairwise(circle))
        assert steps
        assert circle[0] == circle[-1]
        assert all(int(need[1:]) in needs[int(code[1:])] for code, need in steps)
    else:
        assert len(done) == 8
