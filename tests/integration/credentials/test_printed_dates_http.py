"""Printed expiry dates over HTTP: the type's rule, months, month ends, and dates that are likely mistyped."""

from typing import Any

import httpx
import pytest

from integration.credentials.conftest import Credentials, made


@pytest.fixture
async def policy(http: httpx.AsyncClient, ana: Any) -> Any:
    await made(
        http, "credential-types", code="policy", name="Policy", category="insurance",
        validity={"months": 12}, renewal_basis="from_expiry", expires_at_rule="at_time", ladder=[30, 0],
    )  # fmt: skip
    return await made(
        http, "credentials", holder_id=ana["id"], type="policy", valid_from="2026-03-01",
        expires_on="2027-03-01", time_zone="America/Chicago",
    )  # fmt: skip


async def post(http: httpx.AsyncClient, path: str, **body: Any) -> httpx.Response:
    return await http.post(f"/v1/{path}", json=body)


async def patched(http: httpx.AsyncClient, path: str, **body: Any) -> httpx.Response:
    present = await http.get(f"/v1/{path}")
    return await http.patch(f"/v1/{path}", json=body, headers={"If-Match": present.headers["etag"]})


def pointers(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_insurance_ends_at_one_past_midnight_and_is_renewed_from_the_printed_day(
    http: httpx.AsyncClient, service: Credentials, policy: Any
):
    assert (policy["expires_on"], policy["expires_at"]) == ("2027-03-01", "2027-03-01T06:01:00Z")
    assert (policy["term"]["expires_at_rule"], policy["term"]["expires_at_time"]) == ("at_time", "00:01")
    [created] = [each.data for each in await service.published() if hasattr(each.data, "origin")]
    assert created.credential.runs[0].last_day.isoformat() == "2027-02-28"
    service.clock.advance(days=364)  # the last whole day
    shown = (await http.get(f"/v1/credentials/{policy['id']}")).json()
    assert (shown["validity"], shown["days_left"]) == ("expiring", 0)
    answer = await post(http, f"credentials/{policy['id']}/renewals")
    assert answer.status_code == 201, answer.text
    renewal = answer.json()["renewal"]
    assert (renewal["valid_from"], renewal["expires_on"]) == ("2027-03-01", "2028-03-01")
    assert (renewal["expires_at"], renewal["expires_at_rule"]) == ("2028-03-01T06:01:00Z", "at_time")
    assert renewal["lapse_days"] == 0


async def test_another_rule_moves_the_ends_of_terms_that_have_not_ended(
    http: httpx.AsyncClient, service: Credentials, ana: Any, policy: Any
):
    past = await made(
        http, "credentials", holder_id=ana["id"], type="policy", number="old", valid_from="2024-03-01",
        expires_on="2025-03-01", time_zone="America/Chicago",
    )  # fmt: skip
    await service.published()
    assert (await patched(http, "credential-types/policy", expires_at_rule="end_of_day")).status_code == 200
    await service.replan()
    events = await service.published()
    assert [each.data.event_type for each in events[1:]] == ["licet.credential.updated.v1"]
    assert events[1].data.changed == ("expires_at_rule",)
    shown = (await http.get(f"/v1/credentials/{policy['id']}")).json()
    assert shown["expires_at"] == "2027-03-02T06:00:00Z"
    assert (shown["term"]["revision"], shown["term"]["expires_at_rule"]) == (1, "end_of_day")
    over = (await http.get(f"/v1/credentials/{past['id']}")).json()["term"]
    assert (over["revision"], over["expires_at"]) == (1, "2025-03-01T06:01:00Z")
    # Renewals follow the present rule.
    service.clock.advance(days=360)
    answer = await post(http, f"credentials/{policy['id']}/renewals")
    assert answer.json()["renewal"]["valid_from"] == "2027-03-02"


async def test_rules_for_printed_dates_that_contradict_one_another_are_refused(http: httpx.AsyncClient):
    body = {"code": "x", "name": "X", "category": "other"}
    for rules, pointer in (
        ({"expires_at_time": "00:01"}, "/expires_at_time"),
        ({"expires_at_rule": "at_time", "expires_at_time": "24:00"}, "/expires_at_time"),
        ({"expires_at_rule": "at_time", "end_of_month": True}, "/end_of_month"),
        ({"expires_at_rule": "noon"}, "/expires_at_rule"),
    ):
        assert pointers(await http.post("/v1/credential-types", json=body | rules)) == [pointer]


async def test_a_month_is_taken_and_shown_as_a_month(http: httpx.AsyncClient, ana: Any):
    await made(
        http, "credential-types", code="card", name="Card", category="training",
        validity={"months": 24}, expires_at_rule="start_of_day",
    )  # fmt: skip
    card = await made(
        http, "credentials", holder_id=ana["id"], type="card", expires_on_month="2027-05", time_zone="UTC",
    )  # fmt: skip
    assert (card["expires_on"], card["expires_on_month"]) == ("2027-05-31", "2027-05")
    # Where only a month is known, its last day counts, whatever the type says of printed days.
    assert (card["expires_at"], card["term"]["expires_at_rule"]) == ("2027-06-01T00:00:00Z", "end_of_day")
    path = f"credentials/{card['id']}"
    corrected = await post(http, f"{path}/corrections", expires_on="2027-05-31", reason="misread")
    assert (corrected.json()["expires_on_month"], corrected.json()["expires_at"]) == (
        None, "2027-05-31T00:00:00Z",
    )  # fmt: skip
    corrected = await post(http, f"{path}/corrections", expires_on_month="2027-06", reason="misread")
    assert corrected.json()["expires_on"] == "2027-06-30"
    history = (await http.get(f"/v1/{path}/history")).json()["items"]
    assert [each["field"] for each in history[-1]["details"]["corrected"]] == [
        "expires_on", "expires_on_month",
    ]  # fmt: skip
    renewed = (await post(http, f"{path}/renewals", mode="from_expiry", force=True, reason="early")).json()
    last = (await http.get(f"/v1/{path}/terms")).json()["items"][-1]
    assert (renewed["renewal"]["expires_on"], last["expires_on_month"]) == ("2029-06-30", "2029-06")
    lines = (await http.get(f"/v1/credentials?holder_id={ana['id']}", headers={"Accept": "text/csv"})).text
    assert ",2029-06," in lines
    both = await post(
        http, "credentials", holder_id=ana["id"], type="card", expires_on="2027-05-01",
        expires_on_month="2027-05",
    )  # fmt: skip
    assert pointers(both) == ["/expires_on_month"]


async def test_a_rules_date_moves_to_the_end_of_its_month(http: httpx.AsyncClient, ana: Any):
    await made(
        http, "credential-types", code="resuscitation", name="Resuscitation", category="training",
        validity={"months": 24}, renewal_basis="from_completion", end_of_month=True,
    )  # fmt: skip
    card = await made(
        http, "credentials", holder_id=ana["id"], type="resuscitation", completed_on="2024-03-10",
    )  # fmt: skip
    assert (card["valid_from"], card["expires_on"]) == ("2024-03-10", "2026-03-31")
    answer = await post(http, f"credentials/{card['id']}/renewals", completed_on="2026-02-10")
    renewal = answer.json()["renewal"]
    assert (renewal["expires_on"], renewal["expires_on_rule"]) == ("2028-02-29", "from_completion")
    assert renewal["end_of_month"] is True


async def test_dates_that_are_likely_mistyped_need_a_word(
    http: httpx.AsyncClient, ana: Any, policy: Any, service: Credentials
):
    asked = {"holder_id": ana["id"], "type": "policy", "number": "7", "time_zone": "UTC"}
    refused = await http.post("/v1/credentials", json=asked | {"expires_on": "2029-03-02"})
    assert pointers(refused) == ["/expires_on"]
    assert '"unusual": true' in refused.json()["errors"][0]["detail"]
    usual = await http.post("/v1/credentials", json=asked | {"expires_on": "2029-03-01"})
    assert usual.status_code == 201
    path = f"credentials/{usual.json()['id']}"
    for route, body in (
        (f"{path}/corrections", {"expires_on": "2062-03-01", "reason": "misread"}),
        (f"{path}/renewals", {"expires_on_month": "2062-03"}),
        (f"{path}/terms", {"valid_from": "2020-01-01", "expires_on": "2062-03-01", "reason": "missing"}),
    ):
        assert pointers(await http.post(f"/v1/{route}", json=body)) == ["/expires_on"]
    confirmed = {"expires_on": "2062-03-01", "reason": "misread", "unusual": True}
    assert (await http.post(f"/v1/{path}/corrections", json=confirmed)).status_code == 200
    await made(
        http, "credential-types", code="card", name="Card", category="other",
        age_bands=[{"from_age": 0, "months": 60}, {"from_age": 40, "months": 24}],
    )  # fmt: skip
    asked |= {"type": "card", "number": "8"}
    assert pointers(await http.post("/v1/credentials", json=asked | {"expires_on": "2041-03-02"})) == [
        "/expires_on"
    ]
    card = await made(http, "credentials", **asked, expires_on="2041-03-01")
    misfiled: dict[str, Any] = {"type": "policy", "reason": "misfiled"}
    path = f"credentials/{card['id']}"
    assert pointers(await http.post(f"/v1/{path}/corrections", json=misfiled)) == ["/expires_on"]
    misfiled |= {"unusual": True}
    assert (await http.post(f"/v1/{path}/corrections", json=misfiled)).status_code == 200
    renew = {"expires_on": "2070-01-01", "force": True, "reason": "early"}
    for unusual, outcome in ((False, "refused"), (True, "done")):
        action = renew | {"unusual": unusual}
        bulk = (await post(http, "credentials/bulk", ids=[policy["id"]], renew=action)).json()
        await service.work_off_bulk()
        [row] = (await http.get(f"/v1/credentials/bulk/{bulk['id']}/rows")).json()["items"]
        assert row["outcome"] == outcome, row


async def test_a_document_is_issued_by_today_and_before_it_expires(http: httpx.AsyncClient, ana: Any):
    await made(http, "credential-types", code="card", name="Card", category="other")
    asked = {"holder_id": ana["id"], "type": "card", "time_zone": "UTC"}
    for dates in (
        {"issued_on": "2026-03-02", "expires_on": "2027-03-01"},
        {"issued_on": "2026-02-02", "expires_on": "2026-02-01"},
    ):
        assert pointers(await http.post("/v1/credentials", json=asked | dates)) == ["/issued_on"]
    card = await made(http, "credentials", **asked, issued_on="2026-03-01", expires_on="2027-03-01")
    path = f"credentials/{card['id']}"
    for wrong in ("2026-03-02", "2027-03-02"):
        assert pointers(await patched(http, path, issued_on=wrong)) == ["/issued_on"]
    corrected = await post(http, f"{path}/corrections", expires_on="2026-02-01", reason="misread")
    assert pointers(corrected) == ["/expires_on"]
