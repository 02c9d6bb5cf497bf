"""Credential types over HTTP: names, retiring, typed attributes, and how changed rules reach credentials."""

import asyncio
from typing import Any

import httpx
import pytest

from integration.credentials.conftest import Credentials, made
from licet_chassis.cause import Cause
from licet_credentials.credentials import replanning, store
from licet_credentials.types import store as type_store
from licet_events.credentials import CredentialUpdated

INSURANCE = [
    {"name": "insured_limit", "kind": "decimal", "required": True},
    {"name": "classes", "kind": "choices", "options": ["C", "CE", "D"]},
    {"name": "insurer", "kind": "text"},
]


async def changed(http: httpx.AsyncClient, path: str, **body: Any) -> httpx.Response:
    present = await http.get(f"/v1/{path}")
    return await http.patch(f"/v1/{path}", json=body, headers={"If-Match": present.headers["etag"]})


@pytest.fixture
async def liability(http: httpx.AsyncClient) -> Any:
    return await made(
        http, "credential-types", code="liability", name="General liability", category="insurance",
        attributes=INSURANCE, aliases=["GL"],
    )  # fmt: skip


async def insured(http: httpx.AsyncClient, ana: Any, **attributes: Any) -> httpx.Response:
    return await http.post(
        "/v1/credentials",
        json={
            "holder_id": ana["id"],
            "type": "liability",
            "expires_on": "2026-12-31",
            "another": True,
            "attributes": attributes,
        },
    )


def pointers(answer: httpx.Response) -> list[str]:
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_attributes_are_validated_published_and_shown(
    http: httpx.AsyncClient, service: Credentials, ana: Any, liability: Any
):
    assert liability["attributes"][1] == {
        "name": "classes", "kind": "choices", "required": False, "options": ["C", "CE", "D"],
    }  # fmt: skip
    await service.published()
    missing = await insured(http, ana)
    assert missing.status_code == 422
    assert pointers(missing) == ["/attributes/insured_limit"]
    answer = await insured(http, ana, classes=["D", "C"], insured_limit="1000000.50")
    assert answer.status_code == 201, answer.text
    assert answer.json()["attributes"] == {"insured_limit": "1000000.5", "classes": ["C", "D"]}
    (event,) = await service.published()
    assert event.data.credential.attributes == {"insured_limit": "1000000.5", "classes": ("C", "D")}


async def test_a_merge_patch_changes_single_attributes_and_is_in_the_history(
    http: httpx.AsyncClient, service: Credentials, ana: Any, liability: Any
):
    credential = (await insured(http, ana, insured_limit="5", insurer="Acme")).json()
    path = f"credentials/{credential['id']}"
    await service.published()
    answer = await changed(http, path, attributes={"insurer": None, "classes": ["CE"]})
    assert answer.json()["attributes"] == {"insured_limit": "5", "classes": ["CE"]}
    (event,) = await service.published()
    assert event.data.changed == ("attributes",)
    assert (await changed(http, path, attributes={"insured_limit": "5.0"})).json()["version"] == 2
    assert await service.told() == []
    refused = await changed(http, path, attributes={"insured_limit": None})
    assert (refused.status_code, pointers(refused)) == (422, ["/attributes/insured_limit"])
    lines = (await http.get(f"/v1/{path}/history")).json()["items"]
    assert [line["details"].get("changed") for line in lines] == [None, ["attributes"]]


async def test_a_changed_declaration_leaves_credentials_as_they_are_until_they_are_changed(
    http: httpx.AsyncClient, service: Credentials, ana: Any, liability: Any
):
    credential = (await insured(http, ana, insured_limit="5", insurer="Acme")).json()
    declared = [INSURANCE[0], {"name": "policy", "kind": "text", "required": True}]
    await service.published()
    answer = await changed(http, "credential-types/liability", attributes=declared)
    assert answer.status_code == 200, answer.text
    await service.replan()
    assert await service.told() == ["credential_type.changed"]
    path = f"credentials/{credential['id']}"
    assert (await http.get(f"/v1/{path}")).json()["attributes"] == {"insured_limit": "5", "insurer": "Acme"}
    refused = await changed(http, path, attributes={"insured_limit": "6"})
    assert pointers(refused) == ["/attributes/policy"]
    answer = await changed(http, path, attributes={"policy": "P-1"})
    assert answer.json()["attributes"] == {"insured_limit": "5", "policy": "P-1"}


async def test_the_kind_of_an_attribute_that_is_used_can_not_change(
    http: httpx.AsyncClient, ana: Any, liability: Any
):
    retyped = [INSURANCE[0], {"name": "insurer", "kind": "boolean"}]
    await insured(http, ana, insured_limit="5")
    assert (await changed(http, "credential-types/liability", attributes=retyped)).status_code == 200
    assert (await changed(http, "credential-types/liability", attributes=INSURANCE)).status_code == 200
    await insured(http, ana, insured_limit="5", insurer="Acme")
    refused = await changed(http, "credential-types/liability", attributes=retyped)
    assert (refused.status_code, pointers(refused)) == (409, ["/attributes"])


async def test_a_declaration_that_contradicts_itself_is_refused(http: httpx.AsyncClient):
    body = {"code": "x", "name": "X", "category": "other"}
    for attributes, pointer in (
        ([{"name": "a", "kind": "text"}, {"name": "a", "kind": "date"}], "/attributes/1/name"),
        ([{"name": "a", "kind": "choice"}], "/attributes/0/options"),
        ([{"name": "Not a name", "kind": "text"}], "/attributes/0/name"),
    ):
        answer = await http.post("/v1/credential-types", json={**body, "attributes": attributes})
        assert (answer.status_code, pointers(answer)) == (422, [pointer])


async def test_a_name_belongs_to_one_type_as_code_or_alias(http: httpx.AsyncClient, liability: Any):
    body = {"code": "indemnity", "name": "Indemnity", "category": "insurance"}
    for change, pointer in (
        ({"code": "GL"}, "/code"),
        ({"aliases": ["PI", "GL"]}, "/aliases/1"),
        ({"aliases": ["liability"]}, "/aliases/0"),
    ):
        refused = await http.post("/v1/credential-types", json={**body, **change})
        assert (refused.status_code, pointers(refused)) == (409, [pointer])
        assert "liability" in refused.json()["detail"]
    await made(http, "credential-types", **body, aliases=["PI"])
    refused = await changed(http, "credential-types/liability", aliases=["GL", "PI"])
    assert (refused.status_code, pointers(refused)) == (409, ["/aliases/1"])
    assert (await http.get("/v1/credential-types/liability")).json()["aliases"] == ["GL"]
    assert (await changed(http, "credential-types/indemnity", aliases=[])).status_code == 200
    assert (await changed(http, "credential-types/liability", aliases=["PI"])).status_code == 200
    assert (await http.get("/v1/credential-types/GL")).status_code == 404


async def test_only_one_of_two_types_that_claim_a_name_concurrently_gets_it(http: httpx.AsyncClient):
    bodies = [
        {"code": f"type-{n}", "name": "Either", "category": "other", "aliases": ["wanted"]} for n in range(4)
    ]
    answers = await asyncio.gather(*(http.post("/v1/credential-types", json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_an_alias_is_accepted_wherever_a_type_is_named(
    http: httpx.AsyncClient, ana: Any, liability: Any
):
    credential = await made(
        http, "credentials", holder_id=ana["id"], type="GL", attributes={"insured_limit": "5"}
    )
    assert credential["type"] == "liability"
    assert (await http.get("/v1/credential-types/GL")).json()["code"] == "liability"
    answer = await changed(http, "credential-types/GL", grace_days=5)
    assert (answer.json()["code"], answer.json()["grace_days"]) == ("liability", 5)


async def test_a_retired_type_takes_no_new_credentials_and_existing_ones_go_on(
    http: httpx.AsyncClient, service: Credentials, ana: Any, credential: Any
):
    assert (await changed(http, "credential-types/licence", retired=True)).json()["retired"] is True
    body = {"holder_id": ana["id"], "type": "licence", "number": "A-2"}
    refused = await http.post("/v1/credentials", json=body)
    assert (refused.status_code, pointers(refused)) == (422, ["/type"])
    renewed = await http.post(
        f"/v1/credentials/{credential['id']}/renewals", json={"expires_on": "2027-06-30"}
    )
    assert renewed.status_code == 201
    await made(http, "credential-types", code="other", name="Other", category="other")
    for retired, codes in ((True, ["licence"]), (False, ["other"]), (None, ["licence", "other"])):
        query = {} if retired is None else {"retired": retired}
        listed = (await http.get("/v1/credential-types", params=query)).json()["items"]
        assert [entry["code"] for entry in listed] == codes
    assert (await changed(http, "credential-types/licence", retired=False)).status_code == 200
    assert (await http.post("/v1/credentials", json=body)).status_code == 201


async def test_credentials_that_await_changed_rules_are_counted(
    http: httpx.AsyncClient, service: Credentials, ana: Any, licence: Any
):
    for number in range(3):
        await made(http, "credentials", holder_id=ana["id"], type="licence", number=f"N-{number}")
    path = "/v1/credential-types/licence/replanning"
    assert (await http.get(path)).json() == {"since": None, "done": 0, "remaining": 0}
    await changed(http, "credential-types/licence", ladder=[60, 0])
    progress = (await http.get(path)).json()
    assert (progress["done"], progress["remaining"]) == (0, 3)
    await service.replan()
    assert (await http.get(path)).json()["since"] is None


async def test_changed_rules_reach_each_credential_once_except_those_with_a_custom_ladder(
    http: httpx.AsyncClient, service: Credentials, ana: Any, credential: Any
):
    await made(http, "credentials", holder_id=ana["id"], type="licence", number="own", ladder=[10])
    await service.published()
    await changed(http, "credential-types/licence", ladder=[150, 0])
    await service.replan()
    await service.replan()
    events = await service.published()
    assert [type(event.data).__name__ for event in events] == [
        "CredentialTypeChanged", "CredentialUpdated", "CredentialStatusChanged",
    ]  # fmt: skip
    assert events[1].data.changed == ("ladder",)
    assert events[2].data.reason == "type_changed"
    shown = (await http.get(f"/v1/credentials/{credential['id']}")).json()
    assert (shown["ladder"], shown["validity"]) == ([150, 0], "expiring")


async def test_a_locked_credential_is_skipped_and_processed_later(
    http: httpx.AsyncClient, service: Credentials, ana: Any, credential: Any
):
    other = await made(http, "credentials", holder_id=ana["id"], type="licence", number="A-2")
    await changed(http, "credential-types/licence", ladder=[60, 0])
    async with service.database.transaction(Cause.new("user:somebody")) as held:
        await held.conn.execute("select 1 from credentials where id = $1 for update", credential["id"])
        await asyncio.wait_for(service.replan(), 60)
        path = "/v1/credential-types/licence/replanning"
        assert (await http.get(path)).json()["remaining"] == 1
        assert (await http.get(f"/v1/credentials/{other['id']}")).json()["ladder"] == [60, 0]
    await service.replan()
    assert (await http.get(f"/v1/credentials/{credential['id']}")).json()["ladder"] == [60, 0]
    assert (await http.get(path)).json()["since"] is None


async def test_a_credential_recorded_while_the_ladder_changes_ends_with_the_new_ladder(
    http: httpx.AsyncClient, service: Credentials, ana: Any, licence: Any, monkeypatch: pytest.MonkeyPatch
):
    """The recorder has read the old rules and has not written yet when the rules change."""
    read, may_write = asyncio.Event(), asyncio.Event()
    facts_for_new = store.facts_for_new

    async def slowly(*arguments: Any) -> Any:
        facts = await facts_for_new(*arguments)
        read.set()
        await may_write.wait()
        return facts

    monkeypatch.setattr(store, "facts_for_new", slowly)
    recording = asyncio.create_task(made(http, "credentials", holder_id=ana["id"], type="licence"))
    await asyncio.wait_for(read.wait(), 60)
    changing = asyncio.create_task(changed(http, "credential-types/licence", ladder=[45, 0]))
    await _waits_or_is_done(service, changing)
    await service.replan()
    may_write.set()
    credential = await recording
    assert (await changing).status_code == 200
    await service.replan()
    assert (await http.get(f"/v1/credentials/{credential['id']}")).json()["ladder"] == [45, 0]


async def _waits_or_is_done(service: Credentials, task: asyncio.Task[Any]) -> None:
    while not task.done():
        async with service.database.reading() as conn:
            if await conn.fetchval("select exists (select 1 from pg_locks where not granted)"):
                return


async def test_types_used_by_an_import_are_locked_too(service: Credentials, licence: Any):
    async with service.database.transaction(Cause.new("user:somebody")) as holding:
        held = await type_store.hold_types(holding.conn, ["licence", "unknown"])
        assert list(held) == ["licence"]
        async with service.database.reading() as conn:
            taken = await conn.fetch("select code from credential_types for update skip locked")
        assert taken == []


async def test_rules_that_change_again_half_way_end_with_the_last_version_published_once(
    http: httpx.AsyncClient, service: Credentials, ana: Any, licence: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(replanning, "BATCH", 2)
    for number in range(5):
        await made(http, "credentials", holder_id=ana["id"], type="licence", number=f"N-{number}")
    await changed(http, "credential-types/licence", ladder=[60, 0])
    await service.published()
    work = replanning.Replanning(service.database, service.clock)
    assert await work.step()
    path = "/v1/credential-types/licence/replanning"
    progress = (await http.get(path)).json()
    assert (progress["done"], progress["remaining"]) == (2, 3)
    service.clock.advance(hours=1)
    await changed(http, "credential-types/licence", ladder=[45, 0])
    progress = (await http.get(path)).json()
    assert (progress["done"], progress["remaining"]) == (0, 5)
    await service.replan()
    assert (await http.get(path)).json() == {"since": None, "done": 0, "remaining": 0}
    told = [event.data for event in await service.published()]
    ladders: dict[Any, list[Any]] = {}
    for data in told:
        if isinstance(data, CredentialUpdated):
            ladders.setdefault(data.credential.id, []).append(data.credential.ladder)
    assert sorted(ladders.values()) == [[(45, 0)]] * 3 + [[(60, 0), (45, 0)]] * 2
