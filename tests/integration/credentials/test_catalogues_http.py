"""Loading starter catalogues: what there is not yet is defined, what there is stays as it is."""

from typing import Any

import httpx

from integration.credentials.conftest import Credentials, made

PATH = "/v1/credential-types/catalogues"


async def load(http: httpx.AsyncClient, name: str, **body: Any) -> Any:
    answer = await http.post(f"{PATH}/{name}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def outcomes(report: Any) -> set[str]:
    return {item["outcome"] for item in report["items"]}


async def test_the_shipped_catalogues_are_listed_and_shown(http: httpx.AsyncClient):
    items = (await http.get(PATH)).json()["items"]
    assert [item["name"] for item in items] == sorted(item["name"] for item in items)
    (driving,) = [item for item in items if item["name"] == "driving"]
    shown = (await http.get(f"{PATH}/driving")).json()
    assert [entry["code"] for entry in shown["types"]] == driving["types"]
    assert (await http.get(f"{PATH}/astronauts")).status_code == 404
    assert (await http.post(f"{PATH}/astronauts", json={})).status_code == 404


async def test_a_shown_catalogue_type_is_a_valid_request_body(http: httpx.AsyncClient):
    for entry in (await http.get(f"{PATH}/vendor-insurance")).json()["types"]:
        await made(http, "credential-types", **entry)
    assert outcomes(await load(http, "vendor-insurance")) == {"unchanged"}


async def test_a_dry_run_reports_what_loading_would_do_and_changes_nothing(
    http: httpx.AsyncClient, service: Credentials
):
    dry = await load(http, "first-aid", dry_run=True)
    assert (dry["dry_run"], outcomes(dry)) == (True, {"created"})
    assert await service.told() == []
    assert (await http.get("/v1/credential-types")).json()["items"] == []
    done = await load(http, "first-aid")
    assert done["items"] == dry["items"]
    assert done["counts"] == {"created": len(dry["items"]), "unchanged": 0, "differs": 0, "taken": 0}
    assert set(await service.told()) == {"credential_type.changed"}


async def test_loading_again_changes_and_publishes_nothing(http: httpx.AsyncClient, service: Credentials):
    for name in [item["name"] for item in (await http.get(PATH)).json()["items"]]:
        assert outcomes(await load(http, name)) == {"created"}
        await service.published()
        assert outcomes(await load(http, name)) == {"unchanged"}
        assert await service.told() == []


async def test_a_customised_type_is_kept_and_its_differences_are_reported(
    http: httpx.AsyncClient, service: Credentials
):
    await load(http, "first-aid", types=["de-ersthelfer"])
    await http.patch(
        "/v1/credential-types/de-ersthelfer", json={"grace_days": 3}, headers={"If-Match": '"1"'}
    )
    await service.published()
    (item,) = (await load(http, "first-aid", types=["de-ersthelfer"]))["items"]
    assert (item["outcome"], item["differences"]) == ("differs", ["grace_days"])
    assert (await http.get("/v1/credential-types/de-ersthelfer")).json()["grace_days"] == 3
    assert await service.told() == []


async def test_aliases_of_other_types_are_left_to_them(http: httpx.AsyncClient):
    await made(
        http, "credential-types", code="own", name="Own", category="other",
        aliases=["FAW", "uk-emergency-first-aid"],
    )  # fmt: skip
    wanted = ["uk-first-aid-at-work", "uk-emergency-first-aid"]
    first, second = (await load(http, "first-aid", types=wanted))["items"]
    assert (first["outcome"], first["aliases_taken"]) == ("created", ["FAW"])
    assert (second["outcome"], second["aliases_taken"]) == ("taken", [])
    again = (await load(http, "first-aid", types=wanted))["items"]
    assert [(item["outcome"], item["differences"]) for item in again] == [
        ("differs", ["aliases"]),
        ("taken", []),
    ]
    assert (await http.get("/v1/credential-types/FAW")).json()["code"] == "own"


async def test_a_code_that_is_none_of_the_catalogue_is_refused(http: httpx.AsyncClient, service: Credentials):
    answer = await http.post(f"{PATH}/first-aid", json={"types": ["de-ersthelfer", "adr-driver"]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/types/1")
    assert await service.told() == []


async def test_no_type_may_have_the_code_catalogues(http: httpx.AsyncClient):
    for body in ({"code": "catalogues"}, {"code": "x", "aliases": ["catalogues"]}):
        answer = await http.post("/v1/credential-types", json={"name": "X", "category": "other", **body})
        assert answer.status_code == 422


async def test_a_credential_of_a_shipped_type_takes_its_attributes(http: httpx.AsyncClient, ana: Any):
    await load(http, "driving")
    credential = await made(
        http, "credentials", holder_id=ana["id"], type="driving-licence-ce", expires_on="2030-01-01",
        attributes={"classes": ["CE", "C"], "restriction_codes": "95(01.01.2030)"},
    )  # fmt: skip
    assert credential["type"] == "eu-driving-licence-cd"
    assert credential["attributes"]["classes"] == ["C", "CE"]
