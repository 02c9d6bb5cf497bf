"""The worklist: what waits for a person, who sees it, and who may decide."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from fastapi import FastAPI

from licet_certifications.app import create_app
from licet_certifications.worklist import store
from licet_certifications.worklist.model import Deciders, Item
from licet_chassis.cause import Cause
from licet_chassis.errors import Conflict

from .conftest import NOW, holder

ROUTE = "/v1/worklist/decisions"


def item(number: int, **facts) -> Item:
    facts = {"kind": "waiver", "holder_id": UUID(int=1), **facts}
    return Item(
        id=UUID(int=number), subject=f"subject-{number}", since=NOW + timedelta(hours=number),
        needs="approval", details={"programme": "food"}, **facts,
    )  # fmt: skip


@pytest.fixture
async def waiting(service):
    """Items 10 (of a waiver), 11 (of nobody known) and 12, which Ada may not approve."""
    await service.tell(holder(1, team="north", location="berlin"))
    items = [
        item(10),
        item(11, kind="unmatched_completion", holder_id=None),
        item(12, deciders=Deciders(barred=("user:ada",))),
    ]
    async with service.database.transaction(Cause.new("user:bob")) as tx:
        for one in items:
            await store.open_item(tx.conn, one)
    return items


async def close(tx, one, ruling, now):
    if ruling.reason == "refuse":
        await store.close_item(tx.conn, one.kind, one.subject, decision="x", actor="x", now=now)
        raise Conflict("The waiver has ended meanwhile.")
    await store.close_item(
        tx.conn, one.kind, one.subject, decision=ruling.verb.value, actor=tx.cause.actor, now=now,
        reason=ruling.reason,
    )  # fmt: skip


@pytest.fixture
def app(service, settings) -> FastAPI:
    app = create_app(settings)
    app.state.runtime = service.runtime
    return app


@pytest.fixture(autouse=True)
def deciders(monkeypatch):
    monkeypatch.setattr("licet_certifications.app.DECIDERS", {"waiver": close})


async def listed(http, **query) -> list[int]:
    answer = await http.get("/v1/worklist", params=query)
    assert answer.status_code == 200, answer.text
    return [UUID(each["id"]).int for each in answer.json()["items"]]


async def decide(http, *decisions: tuple):
    body = {
        "decisions": [
            {"item": str(UUID(int=number)), "decision": verb, **({"reason": reason} if reason else {})}
            for number, verb, reason in decisions
        ]
    }
    return await http.post(ROUTE, json=body)


async def test_what_waits_is_listed_oldest_first_by_page_and_by_kind(http, waiting):
    assert await listed(http) == [10, 11, 12]
    assert await listed(http, kind="unmatched_completion") == [11]
    first = (await http.get("/v1/worklist", params={"limit": 2})).json()
    assert await listed(http, limit=2, cursor=first["next_cursor"]) == [12]
    shown = first["items"][0]
    assert shown["kind"] == "waiver"
    assert shown["needs"] == "approval"
    assert shown["details"] == {"programme": "food"}


async def test_a_narrowed_token_sees_its_people_and_nothing_of_nobody_known(http, waiting, token):
    token.principal = replace(token.principal, teams=frozenset({"north"}))
    assert await listed(http) == [10, 12]
    token.principal = replace(token.principal, teams=frozenset({"south"}))
    assert await listed(http) == []
    assert (await decide(http, (10, "approve", None))).status_code == 404


async def test_a_decision_on_something_decided_is_409_and_says_by_whom(http, waiting, token):
    assert (await decide(http, (10, "deny", "no need"))).json()["decisions"][0]["outcome"] == "done"
    token.principal = replace(token.principal, subject="grace")
    answer = await decide(http, (10, "approve", None))
    assert answer.status_code == 409
    assert "user:ada" in answer.json()["detail"]
    assert await listed(http) == [11, 12]


async def test_many_decisions_are_answered_in_order_and_a_refused_one_leaves_nothing_behind(http, waiting):
    answer = await decide(http, (12, "approve", None), (999, "approve", None), (10, "approve", None))
    assert [each["status"] for each in answer.json()["decisions"]] == [409, 404, 200]
    answer = await decide(http, (12, "deny", "refuse"), (11, "deny", "nobody"))
    assert [each["status"] for each in answer.json()["decisions"]] == [409, 409]
    assert await listed(http) == [11, 12]


async def test_to_deny_needs_a_reason_and_a_token_with_the_scope(http, waiting, token):
    answer = await decide(http, (10, "approve", None), (12, "deny", None))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/decisions/1/reason"
    token.principal = replace(token.principal, scopes=frozenset({"certifications:read"}))
    assert (await decide(http, (10, "approve", None))).status_code == 403
    token.principal = replace(token.principal, scopes=frozenset({"certifications:approve"}))
    assert (await decide(http, (10, "approve", None))).status_code == 200


async def test_what_waits_about_the_erased_is_deleted(service, waiting, http):
    async with service.database.transaction(Cause.new("service:certifications")) as tx:
        await store.forget_holder(tx.conn, UUID(int=1))
    assert await listed(http) == [11]
