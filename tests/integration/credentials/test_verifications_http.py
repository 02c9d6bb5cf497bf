"""Checks against a source over HTTP: noting them, what renewals need of them, and which are due again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from integration.credentials.conftest import NOW, Credentials, made
from licet_events.credentials import CredentialVerified
from support.edge.issuer import Issuer


@pytest.fixture
async def nurse(http: httpx.AsyncClient, service: Credentials, ana: Any) -> Any:
    await made(
        http, "credential-types", code="rn", name="Nursing licence", category="license",
        validity={"months": 24}, renewal_evidence="verification", aliases=["nurse"],
    )  # fmt: skip
    body = await made(
        http, "credentials", holder_id=ana["id"], type="rn", number="RN-1", valid_from="2024-04-01",
        expires_on="2026-03-31", time_zone="America/Chicago",
    )  # fmt: skip
    await service.published()
    return body


async def checked(http: httpx.AsyncClient, credential: Any, **said: Any) -> httpx.Response:
    body = {"source": "nursys", "result": "confirmed", **said}
    return await http.post(f"/v1/credentials/{credential['id']}/verifications", json=body)


async def renewed(http: httpx.AsyncClient, credential: Any, **said: Any) -> httpx.Response:
    return await http.post(f"/v1/credentials/{credential['id']}/renewals", json=said)


def pointer(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["pointer"]


async def test_a_check_is_published_shown_and_stored_with_its_author(
    http: httpx.AsyncClient, service: Credentials, nurse: Any
):
    answer = await checked(http, nurse, valid_until="2026-08-31", note="Looked at the board's page.")
    assert answer.status_code == 201, answer.text
    shown = answer.json()["verification"]
    assert shown["term_id"] == nurse["term"]["id"]
    assert shown["checked_at"] == "2026-03-01T12:00:00Z"
    assert shown["valid_until"] == "2026-09-01T05:00:00Z"  # through the whole day, in the term's zone
    assert (shown["source"], shown["result"]) == ("nursys", "confirmed")
    assert shown["actor"].startswith("user:")
    (event,) = await service.published()
    assert isinstance(event.data, CredentialVerified)
    assert event.data.credential.verification == event.data.verification
    assert str(event.data.verification.id) == shown["id"]
    assert b"Looked at" not in event.data.model_dump_json().encode()
    items = (await http.get(f"/v1/credentials/{nurse['id']}/verifications")).json()["items"]
    assert items == [shown]
    (_, line) = (await http.get(f"/v1/credentials/{nurse['id']}/history")).json()["items"]
    assert (line["event_type"], line["note"]) == (
        "licet.credential.verified.v1",
        "Looked at the board's page.",
    )


async def test_a_check_that_is_entered_late_does_not_hide_a_later_one(http: httpx.AsyncClient, nurse: Any):
    await checked(http, nurse, result="differs")
    answer = await checked(http, nurse, checked_at="2026-02-01")
    assert answer.json()["verification"]["result"] == "differs"
    path = f"/v1/credentials/{nurse['id']}/verifications"
    first = (await http.get(path, params={"limit": 1})).json()
    rest = (await http.get(path, params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [item["result"] for item in first["items"] + rest["items"]] == ["differs", "confirmed"]
    assert rest["next_cursor"] is None
    shown = (await http.get(f"/v1/credentials/{nurse['id']}")).json()
    assert shown["verification"] == first["items"][0]


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"checked_at": "2026-03-02"}, "/checked_at"),
        ({"result": "not_found", "valid_until": "2027-01-01"}, "/valid_until"),
        ({"valid_until": "2026-02-01"}, "/valid_until"),
        ({"term_id": "00000000-0000-7000-8000-000000000000"}, "/term_id"),
        ({"result": "probably"}, "/result"),
        ({"source": "no code"}, "/source"),
    ],
)
async def test_a_check_that_makes_no_sense_is_refused_at_its_field(
    http: httpx.AsyncClient, service: Credentials, nurse: Any, said: Any, where: str
):
    assert pointer(await checked(http, nurse, **said)) == (422, where)
    assert await service.told() == []


async def test_a_voided_credential_takes_no_checks_and_a_revoked_one_does(
    http: httpx.AsyncClient, nurse: Any
):
    await http.post(f"/v1/credentials/{nurse['id']}/revoke", json={"reason": "board"})
    assert (await checked(http, nurse, result="differs")).status_code == 201
    await http.post(f"/v1/credentials/{nurse['id']}/void", json={"reason": "wrong_person"})
    assert (await checked(http, nurse)).status_code == 409


async def test_a_renewal_is_refused_without_the_check_its_type_needs(
    http: httpx.AsyncClient, service: Credentials, nurse: Any
):
    assert pointer(await renewed(http, nurse)) == (422, "/verification")
    await checked(http, nurse, result="not_found")
    await service.published()
    assert pointer(await renewed(http, nurse, force=True, reason="urgent")) == (422, "/verification")
    assert await service.told() == []


async def test_a_renewal_may_carry_its_check_which_belongs_to_the_new_term(
    http: httpx.AsyncClient, service: Credentials, nurse: Any
):
    answer = await renewed(http, nurse, verification={"source": "nursys", "valid_until": "2026-12-31"})
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["verification"]["term_id"] != nurse["term"]["id"]
    assert body["verification"]["result"] == "confirmed"
    told = await service.told()
    assert told == ["credential.renewed", "credential.verified", "credential.status_changed"]
    later = {"source": "nursys", "checked_at": "2030-01-01"}
    assert pointer(await renewed(http, nurse, expires_on="2030-03-31", verification=later)) == (
        422, "/verification/checked_at",
    )  # fmt: skip


async def test_a_renewal_may_rest_on_a_check_of_the_last_thirty_days_once(
    http: httpx.AsyncClient, service: Credentials, nurse: Any
):
    await checked(http, nurse)
    service.clock.advance(days=30, seconds=1)
    assert pointer(await renewed(http, nurse)) == (422, "/verification")
    await checked(http, nurse)
    service.clock.advance(days=30)
    assert (await renewed(http, nurse)).status_code == 201
    assert pointer(await renewed(http, nurse, expires_on="2030-03-31")) == (422, "/verification")


async def test_a_check_that_no_longer_holds_supports_no_renewal(
    http: httpx.AsyncClient, service: Credentials, nurse: Any
):
    await checked(http, nurse, valid_until="2026-03-05T00:00:00Z")
    service.clock.advance(days=5)
    assert pointer(await renewed(http, nurse)) == (422, "/verification")


async def test_checks_fall_due_again_the_longest_ended_first(
    http: httpx.AsyncClient, service: Credentials, ana: Any, nurse: Any
):
    async def another(number: str, **said: Any) -> Any:
        entered = await made(http, "credentials", holder_id=ana["id"], type="nurse", number=number)
        if said:
            await checked(http, entered, **said)
        return entered

    second = await another("RN-2", valid_until="2026-03-10T00:00:00Z")
    await checked(http, nurse, valid_until="2026-03-05T00:00:00Z")
    await another("never-checked")
    await another("for-good", source="board")
    differs = await another("differs", valid_until="2026-03-06T00:00:00Z")
    await checked(http, differs, result="differs")
    path = "/v1/verifications/due"
    assert (await http.get(path)).json()["items"] == []
    ahead = (await http.get(path, params={"before": "2026-03-31T00:00:00Z"})).json()["items"]
    assert [(item["id"], item["due_since"]) for item in ahead] == [
        (nurse["id"], "2026-03-05T00:00:00Z"), (second["id"], "2026-03-10T00:00:00Z"),
    ]  # fmt: skip
    service.clock.advance(days=20)
    first = (await http.get(path, params={"limit": 1, "type": "nurse", "team": "red"})).json()
    rest = (await http.get(path, params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == [nurse["id"], second["id"]]
    assert (await http.get(path, params={"team": "blue"})).json()["items"] == []
    assert (await http.get(path, params={"type": "unknown"})).json()["items"] == []
    answer = await http.get(path, headers={"Accept": "text/csv"})
    assert [line.split(",")[0] for line in answer.text.splitlines()] == ["id", nurse["id"], second["id"]]
    await checked(http, nurse, valid_until="2026-12-31")
    await http.post(f"/v1/credentials/{second['id']}/void", json={"reason": "wrong"})
    assert (await http.get(path)).json()["items"] == []


async def test_a_narrowed_token_sees_what_is_due_of_its_people_only(
    anyone: httpx.AsyncClient, http: httpx.AsyncClient, issuer: Issuer, service: Credentials, nurse: Any
):
    await checked(http, nurse, valid_until=(NOW + timedelta(days=1)).isoformat())
    service.clock.at = datetime(2026, 4, 1, tzinfo=UTC)
    for team, seen in (("red", 1), ("blue", 0)):
        token = issuer.token(scope="credentials:read", licet_teams=[team])
        answer = await anyone.get("/v1/verifications/due", headers={"Authorization": f"Bearer {token}"})
        assert len(answer.json()["items"]) == seen
        path = f"/v1/credentials/{nurse['id']}/verifications"
        answer = await anyone.get(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == (200 if seen else 404)


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01", "9999-12-31"]
)
async def test_instants_outside_the_supported_range_are_refused_at_their_field(
    http: httpx.AsyncClient, service: Credentials, nurse: Any, at: str
):
    assert pointer(await checked(http, nurse, checked_at=at)) == (422, "/checked_at")
    assert pointer(await checked(http, nurse, valid_until=at)) == (422, "/valid_until")
    suspended = {"reason": "x", "effective_from": at}
    answer = await http.post(f"/v1/credentials/{nurse['id']}/suspend", json=suspended)
    assert pointer(answer) == (422, "/effective_from")
    assert (await http.get("/v1/verifications/due", params={"before": at})).status_code == 422
    assert await service.told() == []
