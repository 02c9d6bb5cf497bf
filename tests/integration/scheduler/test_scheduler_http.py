"""What `GET /v1/timers` shows, and to whom."""

import csv
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest_asyncio

from licet_chassis.http.auth import routes_without_scope
from licet_events.credentials import FlagKind
from licet_scheduler.app import create_app
from licet_scheduler.settings import SchedulerSettings
from licet_scheduler.timers import routes
from support.edge.issuer import Issuer, bearer
from support.edge.service import client_of, edge_app
from support.scheduling.database import ENTRY, Scheduler
from support.scheduling.states import credential, flag, holder, named, term

ISSUER = Issuer()


@pytest_asyncio.fixture
async def client(scheduler: Scheduler) -> AsyncIterator[httpx.AsyncClient]:
    app = edge_app(ISSUER, routes.router, database=scheduler.database)
    async with client_of(app, ISSUER.token(scope="scheduler:read")) as client:
        yield client


def of(name: object, **changes: Any) -> Any:
    first = term(f"term of {name}", date(2026, 9, 2), date(2026, 12, 31), recorded_at=ENTRY)
    return credential(first, name=name, created_at=ENTRY, **changes)


async def test_a_timer_shows_what_was_decided_and_what_is_to_come(
    scheduler: Scheduler, client: httpx.AsyncClient
) -> None:
    suspended = flag(FlagKind.SUSPENDED, datetime(2026, 10, 15, tzinfo=UTC))
    await scheduler.learn(of("one", flags=[suspended]))
    await scheduler.decide_all(datetime(2026, 12, 10, tzinfo=UTC))
    answer = await client.get("/v1/timers", params={"credential_id": str(named("one"))})
    assert answer.status_code == 200
    (timer,) = answer.json()["items"]
    assert timer["due_at"] == "2026-12-23T23:00:00Z"
    assert [(each["kind"], each["step"], each["due_at"]) for each in timer["upcoming"]] == [
        ("expiring", 7, "2026-12-23T23:00:00Z"),
        ("expiring", 0, "2026-12-30T23:00:00Z"),
        ("expired", None, "2026-12-31T23:00:00Z"),
        ("overdue", -7, "2027-01-06T23:00:00Z"),
    ]
    assert [
        (each["kind"], each["deadline"], each["step"], each["outcome"], each["reason"])
        for each in timer["decisions"]
    ] == [
        ("effective", None, None, "announced", None),
        ("deadline", "expiring", 90, "announced", None),
        ("expiring", None, 90, "passed_over", "stricter_step"),
        ("deadline", "flag_start", None, "announced", None),
        ("expiring", None, 60, "passed_over", "stricter_step"),
        ("expiring", None, 30, "announced", None),
    ]


async def test_an_unknown_credential_has_no_timer(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/timers", params={"credential_id": str(named("nobody"))})
    assert answer.json() == {"items": [], "next_cursor": None}


async def test_the_list_goes_from_page_to_page_without_gap_or_repetition(
    scheduler: Scheduler, client: httpx.AsyncClient
) -> None:
    await scheduler.learn(*[of(number) for number in range(7)])
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": "3"} | ({} if cursor is None else {"cursor": cursor})
        page = (await client.get("/v1/timers", params=query)).json()
        seen += [item["credential_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(str(named(number)) for number in range(7))
    file = await client.get("/v1/timers", params={"limit": "3"}, headers={"Accept": "text/csv"})
    assert [row["credential_id"] for row in csv.DictReader(file.text.splitlines())] == seen


async def test_a_narrowed_token_sees_only_timers_of_its_teams_and_locations(
    scheduler: Scheduler, client: httpx.AsyncClient
) -> None:
    await scheduler.apply_holders(holder("a", team="red", location="north"), holder("b", team="blue"))
    await scheduler.learn(of(1, holder="a"), of(2, holder="b"), of(3, holder="not heard of"))

    async def seen(**claims: Any) -> set[str]:
        token = ISSUER.token(scope="scheduler:read", **claims)
        everything = (await client.get("/v1/timers", headers=bearer(token))).json()["items"]
        for number in (1, 2, 3):
            one = await client.get(
                "/v1/timers", params={"credential_id": str(named(number))}, headers=bearer(token)
            )
            assert one.json()["items"] == [
                item for item in everything if item["credential_id"] == str(named(number))
            ]
        return {item["credential_id"] for item in everything}

    assert await seen() == {str(named(number)) for number in (1, 2, 3)}
    assert await seen(licet_teams=["red"]) == {str(named(1))}
    assert await seen(licet_teams=["red", "blue"], licet_locations=["north"]) == {str(named(1))}
    assert await seen(licet_teams=[]) == set()


async def test_an_invalid_cursor_or_id_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/timers", params={"cursor": "?"})).status_code == 400
    assert (await client.get("/v1/timers", params={"credential_id": "7"})).status_code == 422


async def test_another_scope_does_not_open_the_timers(client: httpx.AsyncClient) -> None:
    token = ISSUER.token(scope="credentials:read")
    assert (await client.get("/v1/timers", headers=bearer(token))).status_code == 403


async def test_every_route_of_the_scheduler_declares_a_scope() -> None:
    settings = SchedulerSettings(
        database_url="postgresql://127.0.0.1:9/none", kafka_url="127.0.0.1:9",
        issuer_url="http://127.0.0.1:9", environment="embedded", clock="movable",
    )  # fmt: skip
    assert routes_without_scope(create_app(settings)) == []
