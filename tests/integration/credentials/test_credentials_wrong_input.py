"""Whatever is sent to whichever operation, the answer is a good one or a problem of the sender's: no 5xx."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from support.edge.wrong import faults

from .conftest import ALL_SCOPES, made


@pytest.mark.parametrize(
    ("claims", "thinned"), [({}, 11), ({"licet_teams": ["red"]}, 29)], ids=["of everyone", "of one team"]
)
async def test_no_request_causes_a_server_error(
    http: httpx.AsyncClient, anyone: httpx.AsyncClient, issuer: Any, claims: Mapping[str, Any], thinned: int
) -> None:
    everyone = http.headers["Authorization"]

    async def known(number: int) -> Mapping[str, Any]:
        anyone.headers["Authorization"] = everyone
        code = f"licence-{number}"
        await made(
            http, "credential-types", code=code, name="Licence", category="license",
            validity={"months": 12}, attributes=[{"name": "odd", "kind": "decimal"}],
        )  # fmt: skip
        ana = await made(http, "holders", kind="employee", name="Ana Example", team="red")
        twin = await made(http, "holders", kind="employee", name="Ana Exampel", team="red")
        credential = await made(
            http,
            "credentials",
            holder_id=ana["id"],
            type=code,
            valid_from="2026-01-01",
            expires_on="2026-06-30",
        )
        anyone.headers["Authorization"] = f"Bearer {issuer.token(scope=ALL_SCOPES, **claims)}"
        return {
            "holder_id": ana["id"], "into": twin["id"], "credential_id": credential["id"], "type": code,
            "code": code, "types": [code], "external_id": f"E-{number}", "kind": "employee",
            "name": "driving", "reason": "tried", "time_zone": "Europe/Berlin", "rendition": "display",
            "/v1/credentials/bulk": {"ids": [credential["id"]], "void": {"reason": "tried"}},
        }  # fmt: skip

    assert await faults(anyone, "credentials", known, thinned=thinned) == []


async def test_a_change_too_large_to_publish_is_refused(http: httpx.AsyncClient, service: Any) -> None:
    options = [f"{number:03}{'x' * 81}{'é' * 16}" for number in range(200)]
    body = {
        "code": "large", "name": "Large", "category": "other",
        "attributes": [{"name": f"a{number}", "kind": "choice", "options": options} for number in range(40)],
    }  # fmt: skip
    answer = await http.post("/v1/credential-types", json=body)
    assert (answer.status_code, "too large to be published" in answer.text) == (422, True), answer.text
    assert await service.count("credential_types") == 0
    assert await service.told() == []


async def test_an_overlong_language_tag_is_refused(http: httpx.AsyncClient) -> None:
    body = {"kind": "employee", "name": "Ana Example", "locale": "en" + "-abcdefgh" * 100_000}
    answer = await http.post("/v1/holders", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/locale")
