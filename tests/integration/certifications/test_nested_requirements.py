"""Requirements with nested expressions and conditions, from HTTP to the timeline, and from older builds."""

import json
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from licet_events.catalogue import (
    AttributeKind,
    Category,
    CredentialTypeChanged,
    CredentialTypeSnapshot,
    CredentialTypeState,
    DeclaredAttribute,
)
from licet_events.credentials import CredentialSnapshot, VerificationState
from licet_events.eligibility import EligibilityChanged

from .conftest import NOW, credential, holder, run

FOREVER = run(date(2026, 1, 1), None)
NESTED = {
    "target": "role:forklift",
    "effective_from": "2026-01-01",
    "expression": {
        "all_of": [
            "rn",
            {"any_of": ["acls", "pals"]},
            {
                "type": "malpractice",
                "where": [{"attribute": "each_occurrence", "at_least": 1000000}],
                "verified_within_days": 90,
            },
        ]
    },
}
MALPRACTICE = CredentialTypeState(
    code="malpractice", version=1, name="Malpractice", category=Category.INSURANCE,
    attributes=(
        DeclaredAttribute(name="each_occurrence", kind=AttributeKind.INTEGER),
        DeclaredAttribute(name="class", kind=AttributeKind.CHOICE, options=("C", "CE")),
    ),
    created_at=NOW, updated_at=NOW,
)  # fmt: skip
CHECKED = VerificationState(
    id=UUID(int=70),
    term_id=UUID(int=7),
    checked_at=NOW,
    source="register",
    result="confirmed",
    actor="user:a",
)


async def codes_of(service):
    events = [one.data for one in await service.published() if isinstance(one.data, EligibilityChanged)]
    return [[(str(r.code), r.type) for r in one.reasons] for one in events[-1].eligibility.intervals]


async def test_a_nested_requirement_is_shown_as_it_was_given_and_decides(http, service):
    await service.tell(CredentialTypeChanged(credential_type=MALPRACTICE), holder(1))
    made = await http.post("/v1/requirements", json=NESTED)
    assert made.status_code == 201, made.text
    assert made.json()["expression"] == NESTED["expression"]
    again = await http.get(f"/v1/requirements/{made.json()['id']}")
    assert again.json() == made.json()
    await service.tell(
        credential(2, 1, FOREVER, type="rn"),
        credential(3, 1, FOREVER, type="pals"),
        credential(
            4, 1, FOREVER, type="malpractice", attributes={"each_occurrence": 2_000_000}, verification=CHECKED
        ),
    )
    await service.work_off()
    assert await codes_of(service) == [
        [("no_requirement", None)],
        [("unverified", "malpractice")],
        [("valid", "malpractice"), ("valid", "rn"), ("valid", "pals")],
        [("unverified", "malpractice")],
    ]
    await service.tell(
        credential(4, 1, FOREVER, version=2, type="malpractice", attributes={"each_occurrence": 5})
    )
    await service.work_off()
    async with service.database.reading() as conn:
        texts = await conn.fetchval("select intervals from timelines")
    assert json.loads(texts[-1])["reasons"][0]["condition"] == "attribute:each_occurrence"


def deep(levels):
    expression: dict[str, Any] = {"all_of": ["x"]}
    for _ in range(levels - 1):
        expression = {"all_of": ["y", expression]}
    return expression


@pytest.mark.parametrize(
    ("expression", "pointer", "words"),
    [
        (deep(5), "/expression/all_of/1/all_of/1/all_of/1/all_of/1", "at most 4 levels"),
        (
            {"any_of": [{"type": "malpractice", "where": [{"attribute": "limit", "at_least": 1}]}]},
            "/expression/any_of/0/where/0/attribute",
            "declares no attribute limit; it has class, each_occurrence",
        ),
        (
            {"any_of": [{"type": "unheard", "where": [{"attribute": "limit", "at_least": 1}]}]},
            "/expression/any_of/0/type",
            "not known here",
        ),
        (
            {
                "any_of": [
                    {"type": "malpractice", "where": [{"attribute": "each_occurrence", "at_least": "x"}]}
                ]
            },
            "/expression/any_of/0/where/0/at_least",
            "of the kind integer",
        ),
        (
            {"any_of": [{"type": "malpractice", "where": [{"attribute": "class", "at_least": "C"}]}]},
            "/expression/any_of/0/where/0/at_least",
            "has no order",
        ),
        (
            {"any_of": [{"type": "malpractice", "where": [{"attribute": "class", "in": ["C", "D"]}]}]},
            "/expression/any_of/0/where/0/in/1",
            "one of C, CE",
        ),
        ({"any_of": [{"type": "malpractice", "where": [{"attribute": "class"}]}]}, None, "at least one of"),
        ({"any_of": [{"all_of": ["a"], "verified_within_days": 3}]}, None, "go with a type"),
        (
            {"any_of": [{"k_of": {"k": 2, "types": ["a"]}}]},
            "/expression/any_of/0/k_of/k",
            "k must be from 1 to 1",
        ),
        ({"any_of": ["a", {"all_of": ["b", "b"]}]}, "/expression/any_of/1/all_of", "stands twice"),
        ({"any_of": [[]]}, None, ""),
        ({"any_of": [{}]}, "/expression/any_of/0", "exactly one"),
    ],
)
async def test_an_expression_that_makes_no_sense_is_refused_with_its_place(
    http, service, expression, pointer, words
):
    await service.tell(CredentialTypeChanged(credential_type=MALPRACTICE))
    answer = await http.post("/v1/requirements", json=NESTED | {"expression": expression})
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert words in error["detail"]
    if pointer is not None:
        assert error["pointer"] == pointer
    assert await service.published() == []


async def test_four_levels_are_taken(http, service):
    answer = await http.post("/v1/requirements", json=NESTED | {"expression": deep(4)})
    assert answer.status_code == 201, answer.text


async def test_a_code_belongs_to_one_requirement_whatever_its_case(http, service):
    body = NESTED | {"expression": {"all_of": ["rn"]}}
    first = await http.post("/v1/requirements", json=body | {"code": "Nurses"})
    assert first.json()["code"] == "Nurses"
    second = await http.post("/v1/requirements", json=body | {"code": "nurses"})
    assert (second.status_code, second.json()["errors"][0]["pointer"]) == (409, "/code")
    found = await http.get("/v1/requirements", params={"code": "NURSES"})
    assert [one["id"] for one in found.json()["items"]] == [first.json()["id"]]


async def test_a_version_that_would_overlap_the_one_before_it_is_refused(http, service):
    made = (await http.post("/v1/requirements", json=NESTED | {"expression": {"all_of": ["rn"]}})).json()

    async def patch(version, **changes):
        return await http.patch(
            f"/v1/requirements/{made['id']}", json=changes, headers={"If-Match": f'"{version}"'}
        )

    later = await patch(1, expression={"all_of": ["rn", "acls"]}, effective_from="2027-01-01")
    assert later.status_code == 200, later.text
    between = await patch(2, expression={"all_of": ["pals"]}, effective_from="2026-06-01")
    assert between.status_code == 422
    assert between.json()["errors"][0]["pointer"] == "/effective_from"
    assert "Version 2 asks for something else from 2027-01-01 on" in between.json()["detail"]
    moved = await patch(2, effective_from="2026-06-01")
    assert moved.status_code == 200, moved.text


async def test_what_an_older_build_has_kept_is_unknown_until_a_snapshot_brings_it(http, service):
    await service.tell(holder(1), credential(4, 1, FOREVER, type="malpractice"))
    await service.tell(CredentialTypeChanged(credential_type=MALPRACTICE))
    async with service.database.reading() as conn:
        await conn.execute("update credentials set facts = facts - 'attributes' - 'issuer' - 'verification'")
        await conn.execute("update credential_types set attributes = null")
    condition = {"type": "malpractice", "where": [{"attribute": "each_occurrence", "at_least": 1}]}
    body = NESTED | {"expression": {"all_of": [condition]}}
    refused = await http.post("/v1/requirements", json=body)
    assert (refused.status_code, "backfill" in refused.json()["detail"]) == (422, True)
    await service.tell(CredentialTypeSnapshot(credential_type=MALPRACTICE))
    assert (await http.post("/v1/requirements", json=body)).status_code == 201
    await service.work_off()
    assert (await codes_of(service))[-1] == [("incomplete", "malpractice")]
    state = credential(4, 1, FOREVER, type="malpractice", attributes={"each_occurrence": 1})
    await service.tell(CredentialSnapshot(credential=state))
    await service.work_off()
    assert (await codes_of(service))[-1] == [("valid", "malpractice")]


async def test_a_flat_requirement_is_stored_and_published_as_it_always_was(http, service):
    made = await http.post("/v1/requirements", json=NESTED | {"expression": {"any_of": ["a", "b"]}})
    (event,) = await service.published()
    expression = event.data.requirement.expression
    assert (expression.kind, expression.types, expression.tree) == ("any_of", ("a", "b"), None)
    nested = await http.post("/v1/requirements", json=NESTED | {"expression": deep(2)})
    (event,) = await service.published()
    # A reader that only knows the flat form asks for more, never for less.
    assert (event.data.requirement.expression.kind, event.data.requirement.expression.types) == (
        "all_of",
        ("y", "x"),
    )
    assert made.json()["created_at"] <= nested.json()["created_at"] <= datetime.now(UTC).isoformat()
