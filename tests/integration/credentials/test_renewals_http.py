"""Renewals that come late, twice, or for the past; and those that count by the holder's date of birth."""

import asyncio
from datetime import date
from importlib.resources import files
from typing import Any
from uuid import UUID

import pytest

from licet_chassis.cause import Cause

from .conftest import made
from .test_awards import award, tell

BY_EXPIRY = {"validity": {"months": 36}, "renewal_basis": "from_expiry", "ladder": [30, 0]}


async def recorded(http: Any, ana: Any, *, valid_from: str, expires_on: str, **rules: Any) -> Any:
    await made(http, "credential-types", code="card", name="Card", category="certification", **rules)
    return await made(
        http, "credentials", holder_id=ana["id"], type="card", valid_from=valid_from, expires_on=expires_on
    )


async def test_a_late_renewal_starts_on_completion_and_its_lapse_stays(http, service, ana):
    card = await recorded(http, ana, valid_from="2023-02-01", expires_on="2026-01-31", **BY_EXPIRY)
    service.clock.advance(days=273)  # to 2026-11-29
    renewed = await made(http, f"credentials/{card['id']}/renewals")
    assert renewed["renewal"] == {
        "valid_from": "2026-11-29", "valid_from_rule": "completed_on",
        "expires_on": "2029-11-28", "expires_on_rule": "from_completion", "lapse_days": 301,
        "late_days": 302, "late_renewal": "from_completion",
        "end_of_month": False, "expires_at": "2029-11-29T00:00:00Z", "expires_at_rule": "end_of_day",
    }  # fmt: skip
    assert renewed["lapses"] == [{"first_day": "2026-02-01", "last_day": "2026-11-28", "days": 301}]
    *_, event = await service.published()
    assert [run.expires_on for run in event.data.credential.runs] == [date(2026, 1, 31), date(2029, 11, 28)]


async def test_an_award_follows_the_late_renewal_of_the_type(http, service, ana):
    card = await recorded(
        http, ana, valid_from="2023-02-01", expires_on="2026-01-31",
        late_renewal="from_expiry", late_renewal_days=30, **BY_EXPIRY,
    )  # fmt: skip
    await tell(service, award(ana, card, type="card", completed_on=date(2026, 2, 20)))
    terms = (await http.get(f"/v1/credentials/{card['id']}/terms")).json()["items"]
    assert (terms[-1]["valid_from"], terms[-1]["expires_on"]) == ("2026-02-01", "2029-01-31")
    # Another programme with the same completion, at the same moment, adds nothing.
    twice = award(ana, card, type="card", completed_on=date(2026, 2, 20))
    await tell(service, twice)
    [refused] = (await http.get("/v1/awards", params={"id": str(twice.id)})).json()["items"]
    assert (refused["outcome"], "2026-02-01 to 2029-01-31" in refused["detail"]) == ("refused", True)


async def test_a_type_that_takes_no_late_renewal_refuses_requests_bulk_and_awards(http, service, ana):
    card = await recorded(
        http, ana, valid_from="2023-02-01", expires_on="2026-01-31", late_renewal="refused", **BY_EXPIRY
    )
    path = f"/v1/credentials/{card['id']}/renewals"
    for body in ({}, {"expires_on": "2029-01-31"}, {"force": True, "reason": "please"}):
        answer = await http.post(path, json=body)
        assert (answer.status_code, "record the new credential" in answer.json()["detail"]) == (409, True)
    job = await made(http, "credentials/bulk", ids=[card["id"]], renew={})
    await service.work_off_bulk()
    [line] = (await http.get(f"/v1/credentials/bulk/{job['id']}/rows")).json()["items"]
    assert (line["outcome"], "takes no renewal after the expiry" in line["detail"]) == ("refused", True)
    awarded = award(ana, card, type="card")
    await tell(service, awarded)
    [decided] = (await http.get("/v1/awards", params={"id": str(awarded.id)})).json()["items"]
    assert (decided["outcome"], decided["reason"]) == ("refused", "not_accepted")


@pytest.mark.parametrize("keys", [(None, None), ("press-0001", "press-0002")])
async def test_renew_pressed_twice_shows_the_term_that_the_first_made(http, service, credential, keys):
    path = f"/v1/credentials/{credential['id']}/renewals"
    headers = [{} if key is None else {"Idempotency-Key": key} for key in keys]
    first = await http.post(path, json={}, headers=headers[0])
    assert first.status_code == 201
    await service.published()
    again = await http.post(path, json={}, headers=headers[1])
    assert again.status_code == 409
    problem = again.json()
    assert problem["type"] == "urn:licet:problem:already-renewed"
    assert (problem["term"]["valid_from"], problem["term"]["expires_on"]) == ("2026-07-01", "2027-06-30")
    assert "2026-07-01 to 2027-06-30" in problem["detail"]
    early = await http.post(path, json={"completed_on": "2099-01-01"})
    assert (early.status_code, early.json()["errors"][0]["pointer"]) == (422, "/completed_on")
    # Later the term still has not begun. An explicit date is a further term, and so is a forced renewal.
    service.clock.advance(days=1)
    assert (await http.post(path, json={})).json()["term"] == problem["term"]
    if keys[0] is not None:
        replayed = await http.post(path, json={}, headers=headers[0])
        assert (replayed.status_code, replayed.json()["version"]) == (201, first.json()["version"])
        await made(http, f"credentials/{credential['id']}/renewals", expires_on="2028-06-30")
    else:
        await made(http, f"credentials/{credential['id']}/renewals", force=True, reason="leave")


async def test_two_presses_at_the_same_moment_make_one_term(http, service, credential):
    path = f"/v1/credentials/{credential['id']}/renewals"
    answers = await asyncio.gather(*(http.post(path, json={}) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert len((await http.get(f"/v1/credentials/{credential['id']}/terms")).json()["items"]) == 2


async def test_the_same_explicit_date_twice_and_a_window_that_is_not_open_are_repetitions(http, service, ana):
    card = await recorded(
        http, ana, valid_from="2025-03-16", expires_on="2026-03-15", renewal_window_days=60,
        validity={"months": 12},
    )  # fmt: skip
    path = f"/v1/credentials/{card['id']}/renewals"
    body = {"expires_on": "2027-03-15", "completed_on": "2026-02-20"}
    assert (await http.post(path, json=body)).status_code == 201
    assert (await http.post(path, json=body)).json()["type"] == "urn:licet:problem:already-renewed"
    service.clock.advance(minutes=5)
    early = (await http.post(path, json={})).json()
    assert (early["status"], early["term"]["expires_on"], "opens on 2027-01-14" in early["detail"]) == (
        409, "2027-03-15", True,
    )  # fmt: skip


async def test_a_term_that_leaves_the_credential_expired_needs_force_with_a_reason(http, service, ana):
    card = await recorded(http, ana, valid_from="2022-01-01", expires_on="2022-12-31", **BY_EXPIRY)
    path = f"/v1/credentials/{card['id']}/renewals"
    past = {"expires_on": "2023-12-31", "completed_on": "2023-01-01"}
    for body, words in (
        (past, "from 2023-01-01 to 2023-12-31, is over already"),
        ({"mode": "from_expiry"}, "is over already"),
        ({"expires_on": "2027-12-31", "valid_from": "2026-04-01"}, "begins only on 2026-04-01"),
    ):
        answer = await http.post(path, json=body)
        assert (answer.status_code, words in answer.json()["detail"]) == (409, True), answer.text
    silent = await http.post(path, json=past | {"force": True})
    assert (silent.status_code, silent.json()["errors"][0]["pointer"]) == (422, "/reason")
    old = award(ana, card, type="card", completed_on=date(2022, 12, 1), time_zone="UTC")
    await tell(service, old)
    [decided] = (await http.get("/v1/awards", params={"id": str(old.id)})).json()["items"]
    assert decided["outcome"] == "refused"
    forced = await http.post(path, json=past | {"force": True, "reason": "found_in_files"})
    assert (forced.status_code, forced.json()["validity"]) == (201, "expired")


async def test_terms_that_count_by_the_date_of_birth_need_it(http, service, ana):
    card = await recorded(
        http, ana, valid_from="2024-06-01", expires_on="2026-05-31", ladder=[30, 0],
        birth_anchor={"at": "birth_month", "at_least_months": 24, "years": "even"},
    )  # fmt: skip
    await made(
        http, "credential-types", code="medical", name="Medical", category="certification",
        validity={"months": 60}, age_bands=[{"from_age": 40, "months": 24}], ladder=[30, 0],
        renewal_basis="from_completion",
    )  # fmt: skip
    path = f"/v1/credentials/{card['id']}/renewals"
    unknown = await http.post(path, json={})
    assert (unknown.status_code, "birth_date" in unknown.json()["detail"]) == (422, True)
    await service.published()
    changed = await http.patch(
        f"/v1/holders/{ana['id']}", json={"birth_date": "1986-05-17"}, headers={"If-Match": '"1"'}
    )
    assert changed.json()["birth_date"] == "1986-05-17"
    [event] = await service.published()
    assert (event.data.changed, event.data.holder.birth_date) == (("birth_date",), date(1986, 5, 17))
    renewed = await made(http, f"credentials/{card['id']}/renewals")
    assert (renewed["expires_on"], renewed["renewal"]["expires_on_rule"]) == ("2028-05-31", "birth_month")
    awards = [award(ana, type="medical", completed_on=day) for day in (date(2026, 2, 20), date(2026, 2, 21))]
    for each in awards:
        await tell(service, each)
    await made(http, "holders", kind="employee", name="Young", external_id="E-2", birth_date="2000-01-01")
    items = (await http.get("/v1/credentials", params={"type": "medical"})).json()["items"]
    assert {item["expires_on"] for item in items} == {"2031-02-20", "2031-02-21"}
    assert UUID(items[0]["holder_id"]) == UUID(ana["id"])


MAPPING = """
[holder]
kind = "employee"
external_id = "who"
name = "name"
birth_date = "born"
on_change = "reject"
[type]
code = "what"
name = "what"
category = "certification"
late_renewal = "from_expiry"
late_renewal_days = 30
month_end = "keep"
[credential]
[term]
expires_on = "to"
"""


async def test_a_file_brings_dates_of_birth_and_the_rules_of_new_types(http, service):
    async def imported(rows: str) -> Any:
        content = f"who,name,born,what,to\n{rows}".encode()
        answer = await http.post("/v1/imports", files={"file": ("l.csv", content)}, data={"mapping": MAPPING})
        await service.work_off_imports()
        return (await http.get(answer.headers["location"] + "/rows")).json()["items"]

    rows = await imported("E7,Eve,1990-05-17,pass,2026-12-31\nE8,Uma,2026-03-02,pass,2026-12-31\n")
    assert [row["outcome"] for row in rows] == ["created", "rejected"]
    assert rows[1]["errors"] == [{"column": "born", "value": "", "detail": "birth_date lies in the future."}]
    [eve] = (await http.get("/v1/holders")).json()["items"]
    assert eve["birth_date"] == "1990-05-17"
    rules = (await http.get("/v1/credential-types/pass")).json()
    assert (rules["late_renewal"], rules["late_renewal_days"], rules["month_end"]) == (
        "from_expiry", 30, "keep",
    )  # fmt: skip
    [differs] = await imported("E7,Eve,1991-05-17,pass,2026-12-31\n")
    assert (differs["outcome"], "1990" in str(differs), "another birth_date" in str(differs)) == (
        "rejected", False, True,
    )  # fmt: skip


async def test_an_upgrade_announces_that_expiring_begins_later(http, service, ana):
    """What a build stored that told every step is put right by replanning, with its events."""
    card = await recorded(
        http, ana, valid_from="2026-02-01", expires_on="2026-05-31", ladder=[118, 30, 0], expires=True
    )
    untouched = await made(
        http, "credentials", holder_id=ana["id"], type="card", valid_from="2025-02-01",
        expires_on="2026-05-31", number="whole",
    )  # fmt: skip
    async with service.database.transaction(Cause.new("service:credentials")) as tx:
        await tx.conn.execute("update runs set expiring_at = starts_at where credential_id = $1", card["id"])
        await tx.conn.execute("update credentials set announced = 'expiring' where id = $1", card["id"])
        migration = files("licet_credentials.migrations.versions").joinpath("0007_steps_told.sql")
        await tx.conn.execute(migration.read_text("utf-8"))
    await service.published()
    await service.replan()
    updated, changed = [event.data for event in await service.published()]
    assert str(updated.credential.id) == card["id"]
    assert str(updated.credential.runs[0].expiring_at) == "2026-05-01 00:00:00+00:00"
    assert (changed.from_, changed.to) == ("expiring", "active")
    async with service.database.reading() as conn:
        versions = await conn.fetch("select type_version from credentials order by id")
    assert [row["type_version"] for row in versions] == [1, 1], untouched["id"]
