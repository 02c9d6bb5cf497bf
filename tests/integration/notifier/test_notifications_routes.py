import csv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from licet_chassis.http.auth import declared_scopes, routes_without_scope
from licet_notifier.app import create_app
from licet_notifier.notifications import routes
from licet_notifier.settings import NotifierSettings
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app
from support.mailing.cases import expiring
from support.mailing.office import Office, open_office

ISSUER = Issuer()


@pytest_asyncio.fixture
async def office(database_url, smtp):
    async with open_office(database_url, smtp.url) as opened:
        yield opened


@asynccontextmanager
async def reader(office: Office, **claims: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = edge_app(ISSUER, routes.router, database=office.database)
    token = ISSUER.token(**({"scope": "notifications:read"} | claims))
    async with client_of(app, token) as client:
        yield client


async def test_every_decision_is_listed_with_its_reason_newest_first(office):
    first, licence = await office.employ()
    await office.read(expiring(licence))
    await office.deliver()
    second, other = await office.employ(email="max@example.org")
    await office.read(expiring(other))

    async with reader(office) as client:
        everything = (await client.get("/v1/notifications")).json()
        assert everything["next_cursor"] is None
        assert len(everything["items"]) == 4
        file = await client.get("/v1/notifications", headers={"Accept": "text/csv"})
        lines = list(csv.DictReader(file.text.splitlines()))
        assert [line["id"] for line in lines] == [item["id"] for item in everything["items"]]
        of_holder = (await client.get("/v1/notifications", params={"holder_id": str(first)})).json()["items"]
        assert [(item["outcome"], item["reason"]) for item in of_holder] == [("sent", "due")] * 2
        skipped = (await client.get("/v1/notifications", params={"outcome": "skipped"})).json()["items"]
        assert [(item["holder_id"], item["reason"]) for item in skipped] == [(str(second), "same_address")]
        params = {"credential_id": str(other.id), "outcome": "pending"}
        assert len((await client.get("/v1/notifications", params=params)).json()["items"]) == 1
        one = await client.get(f"/v1/notifications/{skipped[0]['id']}")
        assert one.json() == skipped[0]
        assert one.headers["etag"] == '"1"'


async def test_pages_are_stable_while_decisions_are_added(office):
    for _ in range(3):
        _, licence = await office.employ()
        await office.read(expiring(licence))
    async with reader(office) as client:
        expected = [item["id"] for item in (await client.get("/v1/notifications")).json()["items"]]
        seen, cursor = [], None
        while True:
            params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/v1/notifications", params=params)).json()
            seen += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
            office.clock.at += timedelta(seconds=1)
            _, licence = await office.employ()
            await office.read(expiring(licence))
        assert seen == expected


async def test_an_unknown_id_or_an_invalid_query_is_a_problem(office):
    async with reader(office) as client:
        assert (await client.get(f"/v1/notifications/{uuid4()}")).status_code == 404
        assert (await client.get("/v1/notifications?outcome=lost")).status_code == 422
        assert (await client.get("/v1/notifications?cursor=xyz")).status_code == 400
    async with reader(office, scope="credentials:read") as client:
        answer = await client.get("/v1/notifications")
        assert answer.status_code == 403
        assert "notifications:read" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("claims", "seen"),
    [
        ({"licet_teams": ["east"]}, 2),
        ({"licet_teams": ["west"]}, 0),
        ({"licet_teams": []}, 0),
        ({"licet_teams": ["east"], "licet_locations": ["ber"]}, 2),
        ({"licet_teams": ["east"], "licet_locations": ["muc"]}, 0),
    ],
)
async def test_a_manager_sees_decisions_about_their_own_people_only(office, claims, seen):
    _, licence = await office.employ(team="east", location="ber")
    await office.read(expiring(licence))
    async with reader(office) as client:
        one = (await client.get("/v1/notifications")).json()["items"][0]["id"]
    async with reader(office, **claims) as client:
        assert len((await client.get("/v1/notifications")).json()["items"]) == seen
        assert (await client.get(f"/v1/notifications/{one}")).status_code == (200 if seen else 404)


async def test_answers_hold_codes_and_ids_but_no_address_or_name(office):
    _, licence = await office.employ()
    await office.read(expiring(licence))
    async with reader(office) as client:
        text = (await client.get("/v1/notifications")).text
    assert not any(private in text for private in ("Ada", "Max", "example.org", "FL-4711"))


def test_every_route_declares_a_scope():
    settings = NotifierSettings(
        database_url="postgresql://localhost/none",
        kafka_url="localhost:9092",
        issuer_url="https://issuer.test",
        smtp_url="smtp://localhost",
        mail_from="licet@example.org",
        clock="movable",
        environment="embedded",
    )
    app = create_app(settings)
    assert routes_without_scope(app) == []
    assert declared_scopes(app)["GET /v1/notifications"] == "notifications:read"
