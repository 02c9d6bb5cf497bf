"""Each bad input is a precise 4xx problem, nothing is half done, and the service stays up."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from .conftest import made

UNKNOWN = "00000000-0000-4000-8000-000000000009"


async def refused(answer: httpx.Response, status: int, words: str, pointer: str | None = None) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert words in problem["detail"], problem
    if pointer is not None:
        assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.fixture
async def untouched(service, ana, licence):
    """Nothing is published and no row is written by what the test sends."""
    await service.published()
    before = [
        await service.count(table) for table in ("credentials", "holders", "terms", "credential_history")
    ]
    yield
    after = [
        await service.count(table) for table in ("credentials", "holders", "terms", "credential_history")
    ]
    assert after == before
    assert await service.told() == []


GOOD: dict[str, Any] = {"type": "licence", "number": "A-1", "expires_on": "2026-06-30"}


@pytest.mark.parametrize(
    ("changes", "status", "words", "pointer"),
    [
        ({"expires": "2026-06-30"}, 422, "is no field", "/expires"),
        ({"number": 7}, 422, "must be text", "/number"),
        ({"ladder": ["30"]}, 422, "must be a", "/ladder/0"),
        ({"time_zone": "Europe/Atlantis"}, 422, "not an IANA time zone", "/time_zone"),
        ({"time_zone": "../etc/passwd"}, 422, "not an IANA time zone", "/time_zone"),
        ({"expires_on": "2026-02-30"}, 422, "must be a date that exists", "/expires_on"),
        ({"expires_on": "30.06.2026"}, 422, "must be a date", "/expires_on"),
        ({"expires_on": "0001-01-01"}, 422, "greater than or equal", "/expires_on"),
        ({"valid_from": "2026-07-01"}, 422, "is before valid_from", "/expires_on"),
        ({"expiry": "never"}, 422, "contradict", "/expiry"),
        ({"expiry": "sometimes"}, 422, "'dated', 'never' or 'unknown'", "/expiry"),
        ({"expires_on": None, "expiry": "dated"}, 422, "needs expires_on", "/expires_on"),
        ({"holder_id": UNKNOWN}, 422, "no holder", "/holder_id"),
        ({"holder_id": "7"}, 422, "must be an id", "/holder_id"),
        ({"type": "nothing"}, 422, "no credential type", "/type"),
        ({"country": "Germany"}, 422, "pattern", "/country"),
        ({"country": "DE", "subdivision": "US-IL"}, 422, "is not in the country", "/subdivision"),
        ({"issuer": "A\nBcc: x"}, 422, "control characters", "/issuer"),
        ({"issuer": "A\u0000"}, 422, "U+0000", None),
    ],
)
async def test_a_credential_that_makes_no_sense_is_refused(
    http, untouched, ana, changes, status, words, pointer
):
    answer = await http.post("/v1/credentials", json=GOOD | {"holder_id": ana["id"]} | changes)
    await refused(answer, status, words, pointer)


@pytest.mark.parametrize("changes", [{"country": "DE", "subdivision": "US-IL"}, {"country": "DE"}])
async def test_a_change_leaves_no_subdivision_of_another_country(http, credential, changes):
    at = f"/v1/credentials/{credential['id']}"
    known = await http.patch(at, json={"country": "US", "subdivision": "US-NY"}, headers={"If-Match": '"1"'})
    answer = await http.patch(at, json=changes, headers={"If-Match": known.headers["etag"]})
    await refused(answer, 422, "is not in the country", "/subdivision")
    shown = (await http.get(at)).json()
    assert (shown["country"], shown["subdivision"]) == ("US", "US-NY")


@pytest.mark.parametrize(
    ("body", "words", "pointer"),
    [
        ({"kind": "robot"}, "'employee', 'vendor' or 'contact'", "/kind"),
        ({"name": " "}, "at least 1 character", "/name"),
        ({"email": "ana"}, "must be an e-mail address", "/email"),
        ({"email": "a@b.c\r\nBcc: d@e.f"}, "control characters", "/email"),
        ({"manager_id": UNKNOWN}, "no holder", "/manager_id"),
        ({"roles": ["fork lift"]}, "pattern", "/roles/0"),
        ({"birth_date": "2026-03-02"}, "in the future", "/birth_date"),
        ({"admin": True}, "is no field", "/admin"),
    ],
)
async def test_a_holder_that_makes_no_sense_is_refused(http, untouched, body, words, pointer):
    answer = await http.post("/v1/holders", json={"kind": "employee", "name": "Bo"} | body)
    await refused(answer, 422, words, pointer)


@pytest.mark.parametrize(
    ("body", "words", "pointer"),
    [
        ({"validity": {"months": 1, "days": 1}}, "exactly one", "/validity"),
        ({"ladder": [30, 30]}, "twice", "/ladder"),
        ({"renewal_basis": "fixed_date"}, "needs a fixed_date", "/fixed_date"),
        ({"expires": False, "validity": {"days": 1}}, "neither validity", "/expires"),
        ({"late_renewal": "from_expiry"}, "needs late_renewal_days", "/late_renewal_days"),
        (
            {"late_renewal": "from_expiry", "late_renewal_days": 9, "renewal_basis": "from_completion"},
            "contradicts renewal_basis",
            "/late_renewal",
        ),
        ({"late_renewal_days": 30}, "goes with late_renewal from_expiry", "/late_renewal_days"),
        (
            {"birth_anchor": {"at": "birthday"}, "renewal_basis": "from_expiry"},
            "takes the place",
            "/birth_anchor",
        ),
        ({"birth_anchor": {"at": "birthday"}, "expires": False}, "neither birth_anchor", "/expires"),
        ({"age_bands": [{"from_age": 40, "months": 24}]}, "give validity", "/age_bands"),
        (
            {"age_bands": [{"from_age": 40, "days": 1}, {"from_age": 0, "days": 1}]},
            "youngest first",
            "/age_bands",
        ),
        ({"age_bands": [{"from_age": 0}]}, "exactly one", "/age_bands/0"),
        ({"renewal_evidence": "hearsay"}, "verification", "/renewal_evidence"),
        ({"code": "a b"}, "pattern", "/code"),
    ],
)
async def test_a_type_that_makes_no_sense_is_refused(http, untouched, body, words, pointer):
    good = {"code": "other", "name": "Other", "category": "other"}
    await refused(await http.post("/v1/credential-types", json=good | body), 422, words, pointer)


async def test_a_taken_code_external_id_or_number_names_its_owner(http, service, ana, credential):
    taken = {"code": "licence", "name": "L", "category": "license"}
    await refused(await http.post("/v1/credential-types", json=taken), 409, "licence already", "/code")
    again = {"kind": "employee", "name": "Bo", "external_id": "E-1"}
    await refused(await http.post("/v1/holders", json=again), 409, ana["id"], "/external_id")
    body = GOOD | {"holder_id": ana["id"]}
    await refused(await http.post("/v1/credentials", json=body), 409, credential["id"], "/number")
    other = await made(http, "credentials", **body | {"number": "A-2"})
    answer = await http.patch(
        f"/v1/credentials/{other['id']}", json={"number": "A-1"}, headers={"If-Match": '"1"'}
    )
    await refused(answer, 409, credential["id"], "/number")
    answer = await http.post(
        f"/v1/credentials/{other['id']}/renewals", json={"number": "A-1", "expires_on": "2028-01-01"}
    )
    await refused(answer, 409, credential["id"], "/number")


async def test_a_number_is_unique_in_its_jurisdiction_where_the_type_says_so(http, ana):
    await made(
        http, "credential-types", code="guard", name="G", category="license", number_unique="jurisdiction"
    )
    bo = await made(http, "holders", kind="employee", name="Bo")
    said = {
        "type": "guard",
        "number": "7",
        "country": "US",
        "subdivision": "US-IL",
        "expires_on": "2027-01-01",
    }
    first = await made(http, "credentials", holder_id=ana["id"], **said)
    taken = await http.post("/v1/credentials", json=said | {"holder_id": bo["id"]})
    await refused(taken, 409, first["id"], "/number")
    await made(http, "credentials", holder_id=bo["id"], **said | {"subdivision": "US-NY"})


@pytest.mark.parametrize("path", ["holders", "credentials", "credential-types"])
async def test_a_change_without_or_with_a_stale_version_is_refused(http, service, ana, credential, path):
    thing = {"holders": ana["id"], "credentials": credential["id"], "credential-types": "licence"}[path]
    body = {"name": "Other"}
    await refused(await http.patch(f"/v1/{path}/{thing}", json=body), 428, "If-Match")
    stale = await http.patch(f"/v1/{path}/{thing}", json=body, headers={"If-Match": '"7"'})
    await refused(stale, 412, "version 1 is current")
    loose = await http.patch(f"/v1/{path}/{thing}", json=body, headers={"If-Match": "*"})
    await refused(loose, 400, "ETag")
    assert await service.told() == []


async def test_the_version_is_compared_before_settling(http, service, credential):
    service.clock.advance(days=200)
    path = f"/v1/credentials/{credential['id']}"
    answer = await http.post(f"{path}/renewals", json={}, headers={"If-Match": '"1"'})
    assert answer.status_code == 201, answer.text
    stale = await http.post(f"{path}/renewals", json={}, headers={"If-Match": '"1"'})
    await refused(stale, 412, "version 5 is current")


@pytest.mark.parametrize("field", ["expires_on", "valid_from", "time_zone", "expiry", "type", "holder_id"])
async def test_a_patch_of_a_field_that_needs_a_correction_is_refused(http, credential, field):
    answer = await http.patch(
        f"/v1/credentials/{credential['id']}", json={field: "x"}, headers={"If-Match": '"1"'}
    )
    await refused(answer, 422, "is no field", f"/{field}")


@pytest.mark.parametrize(
    ("body", "status", "words", "pointer"),
    [
        ({"expires_on": "2026-06-30"}, 422, "must end later", "/expires_on"),
        ({"expires_on": "2027-01-01", "valid_from": "2025-01-01"}, 422, "must start later", "/valid_from"),
        ({"image_ids": [UNKNOWN]}, 422, "no image", "/image_ids"),
        ({"mode": "fixed_date"}, 422, "no fixed date", "/mode"),
        ({"mode": "somehow"}, 422, "'from_expiry'", "/mode"),
    ],
)
async def test_a_renewal_that_makes_no_sense_is_refused(
    http, service, credential, body, status, words, pointer
):
    answer = await http.post(f"/v1/credentials/{credential['id']}/renewals", json=body)
    await refused(answer, status, words, pointer)
    assert await service.told() == []


async def test_a_renewal_without_the_evidence_its_type_needs_is_refused(http, ana):
    await made(
        http, "credential-types", code="seen", name="S", category="license", validity={"months": 1},
        renewal_evidence="image", renewal_window_days=10,
    )  # fmt: skip
    body = await made(http, "credentials", holder_id=ana["id"], type="seen", expires_on="2026-04-30")
    early = await http.post(f"/v1/credentials/{body['id']}/renewals", json={})
    await refused(early, 409, "opens on 2026-04-20")
    forced = {"force": True, "reason": "leave"}
    answer = await http.post(f"/v1/credentials/{body['id']}/renewals", json=forced)
    await refused(answer, 422, "needs an image", "/image_ids")


@pytest.mark.parametrize(
    ("body", "words", "pointer"),
    [
        ({"reason": "misread"}, "nothing to correct", None),
        ({"reason": "misread", "expires_on": "2025-12-31"}, "before valid_from", "/expires_on"),
        ({"reason": "misread", "expires_on": None}, "needs expires_on", "/expires_on"),
        ({"reason": "misread", "term_id": UNKNOWN, "expires_on": "2026-01-31"}, "no term", "/term_id"),
        ({"expires_on": "2026-01-31"}, "is required", "/reason"),
        ({"reason": "I misread it", "expires_on": "2026-01-31"}, "pattern", "/reason"),
    ],
)
async def test_a_correction_that_makes_no_sense_is_refused(http, service, credential, body, words, pointer):
    answer = await http.post(f"/v1/credentials/{credential['id']}/corrections", json=body)
    await refused(answer, 422, words, pointer)
    assert await service.told() == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"until": "2026-02-01"}, "must be after effective_from"),
        ({"until": "tomorrow"}, "must be a date that exists"),
        ({"until": "2026-05-01T08:00:00"}, "with offset"),
    ],
)
async def test_a_suspension_that_makes_no_sense_is_refused(http, service, credential, body, words):
    answer = await http.post(f"/v1/credentials/{credential['id']}/suspend", json={"reason": "audit"} | body)
    await refused(answer, 422, words, "/until")
    assert await service.told() == []


async def test_a_second_suspension_over_the_first_is_refused(http, credential):
    await made(http, f"credentials/{credential['id']}/suspend", reason="audit")
    answer = await http.post(f"/v1/credentials/{credential['id']}/suspend", json={"reason": "audit"})
    await refused(answer, 409, "reinstate it first")


PLACES = [
    "holders/{id}", "credentials/{id}", "credentials/{id}/terms", "credentials/{id}/history", "imports/{id}",
    "credentials/{id}/images/{id}/display", "credential-types/none", "locations/none", "teams/none",
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
async def test_an_unknown_id_is_404(http, service, place):
    await refused(await http.get("/v1/" + place.format(id=uuid4())), 404, "no ")


@pytest.mark.parametrize("place", ["renewals", "corrections", "suspend", "void", "reinstate"])
async def test_an_action_on_an_unknown_id_is_404(http, service, place):
    body = {"renewals": {}, "corrections": {"reason": "x", "expires_on": "2026-01-01"}}
    answer = await http.post(f"/v1/credentials/{uuid4()}/{place}", json=body.get(place, {"reason": "x"}))
    await refused(answer, 404, "no credential")


async def test_an_invalid_cursor_or_limit_is_refused(http, service):
    await refused(await http.get("/v1/holders", params={"cursor": "x"}), 400, "cursor")
    await refused(await http.get("/v1/credentials", params={"limit": 501}), 422, "limit")
    await refused(await http.get("/v1/credentials", params={"validity": "good"}), 422, "validity")


async def test_a_reused_key_repeats_its_answer_and_refuses_another_body(http, service, ana, licence):
    await service.published()
    body = GOOD | {"holder_id": ana["id"]}
    headers = {"Idempotency-Key": "k-1"}
    first = await http.post("/v1/credentials", json=body, headers=headers)
    again = await http.post("/v1/credentials", json=body, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    other = await http.post("/v1/credentials", json=body | {"number": "A-2"}, headers=headers)
    await refused(other, 422, "used for another request")
    assert await service.told() == ["credential.created"]


async def test_a_body_that_is_too_large_or_not_json_is_refused(http, untouched):
    await refused(await http.post("/v1/holders", content=b"{" + b" " * (1 << 20)), 413, "larger than")
    answer = await http.post(
        "/v1/holders", content=b"{nonsense", headers={"Content-Type": "application/json"}
    )
    await refused(answer, 400, "not JSON")


@pytest.mark.parametrize(
    ("claims", "status", "words"),
    [
        ({"exp": 1, "iat": 0, "nbf": 0}, 401, "expired"),
        ({"aud": "another"}, 401, "audience"),
        ({"iss": "https://other.test"}, 401, "issuer"),
        ({"scope": "credentials:read"}, 403, "credentials:write"),
        ({"scope": "credentials:write", "licet_teams": ["red"]}, 403, "limited to the teams red"),
    ],
)
async def test_a_token_without_the_scope_is_refused(anyone, service, issuer, claims, status, words):
    said = {"scope": "credentials:write"} | claims
    answer = await anyone.post(
        "/v1/holders", json={"kind": "employee", "name": "Bo"},
        headers={"Authorization": f"Bearer {issuer.token(**said)}"},
    )  # fmt: skip
    await refused(answer, status, words)
    assert await service.count("holders") == 0


async def test_a_request_without_a_token_is_refused(anyone, service):
    answer = await anyone.get("/v1/holders")
    await refused(answer, 401, "needs a token")
    assert answer.headers["www-authenticate"] == "Bearer"
