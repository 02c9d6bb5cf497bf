"""The life of a credential over HTTP, and what is published of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from licet_chassis.http.auth import routes_without_scope
from licet_events.credentials import CredentialStatusChanged
from licet_events.schedule import CredentialExpired

from .conftest import NOW, made


def test_every_route_declares_a_scope(app):
    assert routes_without_scope(app) == []


async def test_a_credential_is_recorded_shown_and_published_once(http, service, ana, licence):
    await service.published()
    answer = await http.post(
        "/v1/credentials",
        json={
            "holder_id": ana["id"], "type": "licence", "number": "A-1", "country": "US",
            "subdivision": "US-IL", "issuer": "State", "issued_on": "2025-12-20",
            "valid_from": "2026-01-01", "expires_on": "2026-03-20", "time_zone": "America/Chicago",
        },
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert answer.headers["location"] == f"/v1/credentials/{body['id']}"
    assert answer.headers["etag"] == '"1"'
    assert (body["validity"], body["days_left"], body["name"]) == ("expiring", 19, "Forklift licence")
    assert body["term"]["expires_at"] == "2026-03-21T05:00:00Z"
    again = await http.get(answer.headers["location"])
    assert (again.json(), again.headers["etag"]) == (body, '"1"')
    [event] = await service.published()
    assert event.data.event_type == "licet.credential.created.v1"
    assert event.data.origin == "api"
    assert event.data.credential.validity == "expiring"
    assert event.data.credential.runs[0].expiring_at == datetime(2026, 2, 18, 6, tzinfo=UTC)
    assert event.data.key == f"{ana['id']}/{body['id']}"


async def test_the_zone_is_the_holders_locations_where_none_is_given(http, service, licence):
    await http.put("/v1/locations/plant", json={"name": "Plant", "time_zone": "Asia/Tokyo"})
    holder = await made(http, "holders", kind="employee", name="Bo", location="plant")
    body = await made(http, "credentials", holder_id=holder["id"], type="licence", expires_on="2026-06-30")
    assert body["time_zone"] == "Asia/Tokyo"
    await http.put("/v1/locations/plant", json={"name": "Plant", "time_zone": "UTC"})
    assert (await http.get(f"/v1/credentials/{body['id']}")).json()["time_zone"] == "Asia/Tokyo"


@pytest.mark.parametrize(("expires", "expiry"), [(True, "unknown"), (False, "never")])
async def test_an_expiry_that_is_left_out_follows_from_the_type(http, ana, expires, expiry):
    await made(http, "credential-types", code="t", name="T", category="training", expires=expires)
    body = await made(http, "credentials", holder_id=ana["id"], type="t")
    assert body["expiry"] == expiry
    assert body["validity"] == ("incomplete" if expires else "active")


async def test_validity_moves_with_time_without_anyone_writing(http, service, credential):
    path = f"/v1/credentials/{credential['id']}"
    for days, expected in [(0, "active"), (91, "expiring"), (31, "expired")]:
        service.clock.advance(days=days)
        assert (await http.get(path)).json()["validity"] == expected
        listed = (await http.get("/v1/credentials", params={"validity": expected})).json()["items"]
        assert [item["id"] for item in listed] == [credential["id"]]
    assert await service.told() == []


async def test_a_command_settles_before_it_publishes_its_own_event(http, service, credential):
    service.clock.advance(days=200)
    answer = await http.patch(
        f"/v1/credentials/{credential['id']}", json={"issuer": "State"}, headers={"If-Match": '"1"'}
    )
    assert answer.status_code == 200, answer.text
    events = await service.published()
    assert [event.data.event_type for event in events] == [
        "licet.credential.status_changed.v1",
        "licet.credential.status_changed.v1",
        "licet.credential.updated.v1",
    ]
    assert [event.data.sequence for event in events] == [2, 3, 4]
    assert [(e.data.from_, e.data.to) for e in events[:2]] == [
        ("active", "expiring"),
        ("expiring", "expired"),
    ]
    assert events[1].data.effective_at == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert answer.headers["etag"] == '"4"'
    assert events[2].data.changed == ("issuer",)


async def test_the_same_facts_again_change_nothing(http, service, credential):
    path = f"/v1/credentials/{credential['id']}"
    answer = await http.patch(path, json={"number": "A-1"}, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')
    assert await service.told() == []


async def test_a_renewal_appends_a_term_and_says_which_rule_gave_which_date(http, service, credential):
    path = f"/v1/credentials/{credential['id']}"
    answer = await http.post(f"{path}/renewals", json={"notes": "on time"})
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["renewal"] == {
        "valid_from": "2026-07-01", "valid_from_rule": "day_after_expiry",
        "expires_on": "2027-06-30", "expires_on_rule": "from_expiry", "lapse_days": 0,
        "late_days": 0, "late_renewal": None,
        "end_of_month": False, "expires_at": "2027-06-30T22:00:00Z", "expires_at_rule": "end_of_day",
    }  # fmt: skip
    assert (body["expires_on"], body["number"], body["validity"]) == ("2027-06-30", "A-1", "active")
    [event] = await service.published()
    assert event.data.event_type == "licet.credential.renewed.v1"
    assert event.data.mode == "from_expiry"
    [run] = event.data.credential.runs
    assert (run.starts_at, str(run.expires_on)) == (datetime(2025, 12, 31, 23, tzinfo=UTC), "2027-06-30")
    terms = (await http.get(f"{path}/terms")).json()["items"]
    assert [term["expires_on"] for term in terms] == ["2026-06-30", "2027-06-30"]
    assert terms[1]["previous_term_id"] == terms[0]["id"]


async def test_a_renewal_after_expiry_announces_expiry_first_and_then_active(http, service, credential):
    service.clock.advance(days=150)
    await made(http, f"credentials/{credential['id']}/renewals")
    assert await service.told() == [
        "credential.status_changed", "credential.status_changed", "credential.renewed",
        "credential.status_changed",
    ]  # fmt: skip


async def test_a_correction_adds_a_revision_and_keeps_the_old_one(http, service, credential):
    path = f"/v1/credentials/{credential['id']}"
    service.clock.advance(days=1)
    answer = await http.post(f"{path}/corrections", json={"expires_on": "2026-02-28", "reason": "misread"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["validity"] == "expired"
    corrected, changed = await service.published()
    assert corrected.data.event_type == "licet.credential.corrected.v1"
    assert [field.model_dump() for field in corrected.data.corrected] == [
        {"field": "expires_on", "was": "2026-06-30", "now": "2026-02-28"}
    ]
    assert corrected.data.credential.terms[0].revision == 2
    assert isinstance(changed.data, CredentialStatusChanged)
    assert (changed.data.to, changed.data.cause, changed.data.reason) == ("expired", "manual", "corrected")
    old, new = (await http.get(f"{path}/terms")).json()["items"]
    assert (old["revision"], old["expires_on"], new["revision"]) == (1, "2026-06-30", 2)
    assert old["known_until"] == new["known_from"] == "2026-03-02T12:00:00Z"


async def test_a_suspension_with_an_end_ends_by_itself(http, service, credential):
    path = f"/v1/credentials/{credential['id']}"
    body = await made(http, f"credentials/{credential['id']}/suspend", reason="not_paid", until="2026-03-10")
    assert body["validity"] == "suspended"
    assert body["flags"][0]["until"] == "2026-03-10T23:00:00Z"
    [event] = await service.published()
    assert (event.data.to, event.data.reason, event.data.actor) == ("suspended", "not_paid", "user:u-1")
    service.clock.advance(days=10)
    assert (await http.get(path)).json()["validity"] == "active"


async def test_a_future_suspension_is_published_now_and_announced_when_it_begins(http, service, credential):
    await made(
        http, f"credentials/{credential['id']}/suspend", reason="audit", effective_from="2026-04-01T08:00:00Z"
    )
    [event] = await service.published()
    assert (event.data.event_type, event.data.changed) == ("licet.credential.updated.v1", ("flags",))


async def test_a_reinstated_credential_is_valid_again(http, service, credential):
    await made(http, f"credentials/{credential['id']}/suspend", reason="not_paid")
    service.clock.advance(hours=1)
    body = await made(http, f"credentials/{credential['id']}/reinstate", reason="paid")
    assert body["validity"] == "active"
    answer = await http.post(f"/v1/credentials/{credential['id']}/reinstate", json={"reason": "paid"})
    assert answer.status_code == 409


@pytest.mark.parametrize(("action", "validity"), [("revoke", "revoked"), ("surrender", "surrendered")])
async def test_a_final_flag_refuses_further_changes(http, service, credential, action, validity):
    path = f"/v1/credentials/{credential['id']}"
    body = await made(http, f"credentials/{credential['id']}/{action}", reason="fraud", note="see file 7")
    assert body["validity"] == validity
    await service.published()
    for following in ("renewals", "suspend", "revoke", "submissions"):
        sent = {
            "renewals": {}, "submissions": {"quiet_until": "2026-05-01"},
        }.get(following, {"reason": "again"})  # fmt: skip
        answer = await http.post(f"{path}/{following}", json=sent)
        assert answer.status_code == 409, following
        assert validity in answer.json()["detail"]
    assert await service.told() == []


async def test_a_voided_credential_leaves_lists_and_frees_its_number(http, service, ana, credential):
    await made(http, f"credentials/{credential['id']}/void", reason="typo")
    assert await service.told() == ["credential.voided"]
    assert (await http.get("/v1/credentials")).json()["items"] == []
    assert (await http.get(f"/v1/credentials/{credential['id']}")).json()["voided"] is True
    await made(
        http, "credentials", holder_id=ana["id"], type="licence", number="A-1", expires_on="2026-06-30"
    )


async def test_a_submission_quiets_until_the_end_of_its_day_and_a_renewal_ends_it(http, service, credential):
    body = await made(http, f"credentials/{credential['id']}/submissions", quiet_until="2026-04-30")
    assert body["quiet_until"] == "2026-04-30T22:00:00Z"
    assert await service.told() == ["credential.submitted"]
    assert (await made(http, f"credentials/{credential['id']}/renewals"))["quiet_until"] is None


async def test_history_shows_every_change_with_actor_reason_and_time(http, service, credential):
    await made(http, f"credentials/{credential['id']}/suspend", reason="not_paid", note="since May")
    service.clock.advance(days=1)
    await made(http, f"credentials/{credential['id']}/reinstate", reason="paid")
    page = (await http.get(f"/v1/credentials/{credential['id']}/history", params={"limit": 2})).json()
    first, second = page["items"]
    assert (first["version"], first["event_type"]) == (1, "licet.credential.created.v1")
    assert (second["actor"], second["reason"], second["note"]) == ("user:u-1", "not_paid", "since May")
    rest = (
        await http.get(
            f"/v1/credentials/{credential['id']}/history", params={"limit": 2, "cursor": page["next_cursor"]}
        )
    ).json()
    assert [line["at"] for line in rest["items"]] == ["2026-03-02T12:00:00Z"]
    assert rest["next_cursor"] is None


async def test_lists_filter_and_page(http, service, ana, licence):
    other = await made(http, "holders", kind="vendor", name="Shop", location="north")
    for number in range(5):
        await made(
            http, "credentials", holder_id=ana["id"] if number % 2 else other["id"], type="licence",
            number=f"N-{number}", expires_on=f"2026-0{number + 3}-15",
        )  # fmt: skip

    async def numbers(**params: Any) -> list[str]:
        answer = await http.get("/v1/credentials", params=params)
        assert answer.status_code == 200, answer.text
        return [item["number"] for item in answer.json()["items"]]

    assert await numbers() == [f"N-{number}" for number in range(5)]
    assert await numbers(holder_id=ana["id"]) == ["N-1", "N-3"]
    assert await numbers(team="red", category="license") == ["N-1", "N-3"]
    assert await numbers(location="north", q="shop") == ["N-0", "N-2", "N-4"]
    assert await numbers(expires_from="2026-04-01", expires_to="2026-05-31") == ["N-1", "N-2"]
    assert await numbers(q="n-_") == []
    assert await numbers(validity=["expiring", "expired"]) == ["N-0"]
    first = (await http.get("/v1/credentials", params={"limit": 3})).json()
    rest = (await http.get("/v1/credentials", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [item["number"] for item in rest["items"]] == ["N-3", "N-4"]
    assert rest["next_cursor"] is None


async def test_a_schedulers_event_settles_at_the_later_of_now_and_its_instant(http, service, credential):
    expires = datetime(2026, 6, 30, 22, tzinfo=UTC)
    fact = CredentialExpired(
        credential_id=credential["id"], holder_id=credential["holder_id"], credential_version=1,
        at=expires, notify=True, expires_on="2026-06-30", time_zone="Europe/Berlin",
    )  # fmt: skip
    service.clock.at = expires - timedelta(seconds=1)
    await service.tell(fact)
    assert await service.told() == ["credential.status_changed", "credential.status_changed"]
    await service.tell(fact)
    service.clock.advance(days=1)
    await service.tell(fact)
    assert await service.told() == []


async def test_an_event_about_an_unknown_credential_waits(service):
    fact = CredentialExpired(
        credential_id="00000000-0000-4000-8000-000000000009",
        holder_id="00000000-0000-4000-8000-000000000001",
        credential_version=1, at=NOW, notify=True, expires_on="2026-02-28", time_zone="UTC",
    )  # fmt: skip
    await service.tell(fact)
    assert await service.count("waiting") == 1


async def test_a_changed_ladder_reaches_the_credentials_of_its_type_once(http, service, credential):
    answer = await http.patch(
        "/v1/credential-types/licence", json={"ladder": [150, 30, 0]}, headers={"If-Match": '"1"'}
    )
    assert answer.status_code == 200, answer.text
    assert await service.told() == ["credential_type.changed"]
    await service.replan()
    assert await service.told() == ["credential.updated", "credential.status_changed"]
    assert (await http.get(f"/v1/credentials/{credential['id']}")).json()["validity"] == "expiring"
    await service.replan()
    assert await service.told() == []
