"""A token narrowed to teams or locations reaches its own people, on every route, and nobody else.

The walk tries each route of the service on somebody of another team: nothing is told, nothing changes,
and the answer is the one for somebody who does not exist. A route without a case fails it.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr

from licet_chassis.cause import Cause
from licet_credentials.access import AUDITOR, Access
from licet_credentials.app import create_app
from licet_credentials.settings import Settings

from .conftest import ALL_SCOPES, awarded, made

PLACES = {"team": "blue", "location": "north"}
ELSEWHERE = ("Zoe Elsewhere", "zoe@example.org", "Z-99", "ZX-7")
"""What no answer to a token of another team may have in it."""


@dataclass
class World:
    """One holder each of the teams red and blue, with a credential and an image, and who may ask for them."""

    http: httpx.AsyncClient
    token: Callable[..., dict[str, str]]
    ids: dict[str, str]
    """What stands in for the names in braces of a case."""

    def of(self, value: Any) -> Any:
        """Return a path or body with the names in braces filled in."""
        text = json.dumps(value)
        for name, stands_for in self.ids.items():
            text = text.replace("{" + name + "}", stands_for)
        return json.loads(text)


async def person(http: httpx.AsyncClient, **facts: Any) -> tuple[Any, Any]:
    number = facts.pop("number")
    holder = await made(http, "holders", kind="employee", **facts)
    credential = await made(
        http, "credentials", holder_id=holder["id"], type="licence", number=number, country="DE",
        valid_from="2026-01-01", expires_on="2026-06-30", time_zone="Europe/Berlin",
    )  # fmt: skip
    check = {"source": "register", "result": "confirmed", "valid_until": "2026-04-01"}
    await made(http, f"credentials/{credential['id']}/verifications", **check)
    return holder, credential


async def scanned(service: Any, credential_id: str) -> str:
    """Note an image of which only the record is there."""
    async with service.database.reading() as conn:
        image_id = await conn.fetchval(
            """
            with stored as (insert into image_objects values (repeat('0', 64), 1, 'wanted', null))
            insert into images (id, credential_id, kind, sha256, generation, content_type, width, height,
                size, display_type, thumbnail_type, created_at)
            values (gen_random_uuid(), $1, 'scan', repeat('0', 64), 1, 'image/png', 1, 1, 1, 'image/webp',
                'image/webp', now())
            returning id
            """,
            credential_id,
        )
    return str(image_id)


@pytest.fixture
async def world(http: httpx.AsyncClient, service: Any, licence: Any, issuer: Any) -> World:
    red, card = await person(
        http, name="Ana Example", team="red", location="south", external_id="E-1", number="A-1"
    )
    blue, secret = await person(
        http, name=ELSEWHERE[0], email=ELSEWHERE[1], external_id=ELSEWHERE[3], number=ELSEWHERE[2], **PLACES
    )
    for each in (card, secret):
        await awarded(service, each)
    twin = await made(http, "holders", kind="employee", name=ELSEWHERE[0], **PLACES)
    await http.put("/v1/teams/blue", json={"name": "Blue", "supervisor_ids": [twin["id"]]})
    await http.put("/v1/locations/north", json={"name": "North", "supervisor_ids": [twin["id"]]})
    ids = {
        "mine": red["id"], "my_credential": card["id"], "holder_id": blue["id"],
        "twin": twin["id"], "credential_id": secret["id"], "external_id": ELSEWHERE[3],
        "image_id": await scanned(service, secret["id"]),
        "rendition": "display", "name": "driving", "unknown": str(uuid4()),
    }  # fmt: skip

    def token(scope: str = ALL_SCOPES, **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {issuer.token(scope=scope, **claims)}"}

    asked = {"void": REASON, "ids": [secret["id"]], "dry_run": True}
    claims: dict[str, Any] = {"licet_teams": ["blue"], "licet_locations": ["north"]}
    bulk = await http.post("/v1/credentials/bulk", json=asked, headers=token(**claims))
    ids["bulk_id"] = bulk.json()["id"]
    await service.published()
    return World(http, token, ids)


HIDDEN, UNSEEN_IN_BODY, LEFT_OUT = "hidden", "unseen in body", "left out"
OPEN, CLOSED, TAKEN = "open", "closed", "taken"


@dataclass(frozen=True)
class Case:
    """What is sent to a route, and what a token of another team gets."""

    answer: str
    body: Any = None
    version: str | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


SEEN_ONLY = Case(HIDDEN)
REASON = {"reason": "tried"}
CASES: dict[str, Case] = {
    "GET /v1/holders": Case(LEFT_OUT),
    "POST /v1/holders": Case(CLOSED, {"kind": "employee", "name": "Bo", **PLACES}),
    "GET /v1/holders/{holder_id}": SEEN_ONLY,
    "PATCH /v1/holders/{holder_id}": Case(HIDDEN, {"name": "Other"}, '"1"'),
    "PUT /v1/holders/by-external-id/{external_id}": Case(TAKEN, {"kind": "employee", "name": "Bo"}),
    "POST /v1/holders/{holder_id}/deactivate": Case(HIDDEN, REASON),
    "POST /v1/holders/{holder_id}/reactivate": Case(HIDDEN, REASON),
    "GET /v1/holders/{holder_id}/credentials": SEEN_ONLY,
    "GET /v1/holders/{holder_id}/profile": SEEN_ONLY,
    "GET /v1/holders/{holder_id}/history": SEEN_ONLY,
    "POST /v1/holders/{holder_id}/merge": Case(HIDDEN, {"into": "{twin}", **REASON}),
    "POST /v1/holders/leavers": Case(
        CLOSED, {"kind": "employee", "absent_since": "2026-03-01T00:00:00Z", **REASON}
    ),
    "GET /v1/holders/{holder_id}/export": Case(CLOSED),
    "POST /v1/holders/{holder_id}/erase": Case(CLOSED, REASON),
    "POST /v1/erasures": Case(CLOSED, {"holder_ids": ["{holder_id}"]}),
    "GET /v1/locations": Case(OPEN),
    "GET /v1/locations/{code}": Case(OPEN),
    "PUT /v1/locations/{code}": Case(CLOSED, {"name": "Other"}),
    "GET /v1/teams": Case(OPEN),
    "GET /v1/teams/{code}": Case(OPEN),
    "PUT /v1/teams/{code}": Case(CLOSED, {"name": "Other"}),
    "GET /v1/credential-types": Case(OPEN),
    "POST /v1/credential-types": Case(CLOSED, {"code": "x", "name": "X", "category": "other"}),
    "GET /v1/credential-types/{code}": Case(OPEN),
    "PATCH /v1/credential-types/{code}": Case(CLOSED, {"name": "X"}, '"1"'),
    "GET /v1/credential-types/{code}/replanning": Case(OPEN),
    "GET /v1/credential-types/catalogues": Case(OPEN),
    "GET /v1/credential-types/catalogues/{name}": Case(OPEN),
    "POST /v1/credential-types/catalogues/{name}": Case(CLOSED, {}),
    "GET /v1/credentials": Case(LEFT_OUT),
    "POST /v1/credentials/bulk": Case(
        UNSEEN_IN_BODY,
        {"reassign": {"holder_id": "{holder_id}", **REASON}, "ids": ["{my_credential}"]},
    ),
    "GET /v1/credentials/bulk": Case(LEFT_OUT),
    "GET /v1/credentials/bulk/{bulk_id}": SEEN_ONLY,
    "GET /v1/credentials/bulk/{bulk_id}/rows": SEEN_ONLY,
    "POST /v1/credentials/bulk/{bulk_id}/cancel": Case(HIDDEN, {}),
    "POST /v1/credentials": Case(UNSEEN_IN_BODY, {"holder_id": "{holder_id}", "type": "licence"}),
    "GET /v1/credentials/{credential_id}": SEEN_ONLY,
    "PATCH /v1/credentials/{credential_id}": Case(HIDDEN, {"issuer": "Other"}, '"2"'),
    "POST /v1/credentials/{credential_id}/renewals": Case(HIDDEN, {"expires_on": "2027-06-30"}),
    "POST /v1/credentials/{credential_id}/corrections": Case(HIDDEN, {"expires_on": "2026-07-31", **REASON}),
    "POST /v1/credentials/{credential_id}/terms": Case(
        HIDDEN, {"valid_from": "2024-01-01", "expires_on": "2024-12-31", **REASON}
    ),
    "POST /v1/credentials/{credential_id}/submissions": Case(HIDDEN, {"quiet_until": "2026-06-01"}),
    "POST /v1/credentials/{credential_id}/submissions/end": Case(HIDDEN, REASON),
    "POST /v1/credentials/{credential_id}/suspend": Case(HIDDEN, REASON),
    "POST /v1/credentials/{credential_id}/revoke": Case(HIDDEN, REASON),
    "POST /v1/credentials/{credential_id}/surrender": Case(HIDDEN, REASON),
    "POST /v1/credentials/{credential_id}/reinstate": Case(HIDDEN, REASON),
    "POST /v1/credentials/{credential_id}/void": Case(HIDDEN, REASON),
    "GET /v1/credentials/{credential_id}/terms": SEEN_ONLY,
    "GET /v1/credentials/{credential_id}/history": SEEN_ONLY,
    "POST /v1/credentials/{credential_id}/images": Case(HIDDEN, form={"file": ("x.png", b"x")}),
    "GET /v1/credentials/{credential_id}/images/{image_id}/{rendition}": SEEN_ONLY,
    "GET /v1/credentials/{credential_id}/images/{image_id}/views": SEEN_ONLY,
    "DELETE /v1/credentials/{credential_id}/images/{image_id}": Case(HIDDEN, query=REASON),
    "POST /v1/credentials/{credential_id}/verifications": Case(
        HIDDEN, {"source": "register", "result": "confirmed"}
    ),
    "GET /v1/credentials/{credential_id}/verifications": SEEN_ONLY,
    "GET /v1/awards": Case(LEFT_OUT),
    "GET /v1/verifications/due": Case(LEFT_OUT, query={"before": "2027-01-01T00:00:00Z"}),
    "POST /v1/imports": Case(CLOSED, form={"file": ("x.csv", b"x"), "mapping": (None, "chicago")}),
    "GET /v1/imports": Case(CLOSED),
    "POST /v1/imports/{import_id}/cancel": Case(CLOSED),
    "POST /v1/imports/{import_id}/undo": Case(CLOSED),
    "GET /v1/imports/{import_id}": Case(CLOSED),
    "GET /v1/imports/{import_id}/rows": Case(CLOSED),
}
CODES = {
    "/v1/locations/{code}": "north", "/v1/teams/{code}": "blue", "/v1/credential-types/{code}": "licence",
    "/v1/credential-types/{code}/replanning": "licence",
}  # fmt: skip


def application() -> FastAPI:
    settings = Settings(
        database_url=SecretStr("postgresql://nowhere/none"), kafka_url="nowhere:1",
        issuer_url="https://issuer.test", s3_access_key=SecretStr("none"), s3_secret_key=SecretStr("none"),
    )  # fmt: skip
    return create_app(settings)


def document() -> Any:
    return application().openapi()


def routes(api: Any) -> Iterator[tuple[str, Any]]:
    """Name each operation of the service; those that every service has are tried with the chassis."""
    for path, operations in api["paths"].items():
        for method, operation in operations.items():
            if not {"operations", "schemas"} & set(operation["tags"]):
                yield f"{method.upper()} {path}", operation


async def sent(world: World, route: str, case: Case, headers: Mapping[str, str], **stands_for: str) -> Any:
    """Send a case; `stands_for` goes before the world's ids."""
    method, path = route.split(" ")
    asked = World(world.http, world.token, {**world.ids, **stands_for})
    url = asked.of(path.replace("{code}", CODES.get(path, "x")).replace("{import_id}", "{unknown}"))
    more = {} if case.version is None else {"If-Match": case.version}
    if case.form:
        return await world.http.request(method, url, files=case.form, headers={**headers, **more})
    body = None if case.body is None else asked.of(case.body)
    return await world.http.request(method, url, json=body, params=case.query, headers={**headers, **more})


async def kept(service: Any) -> dict[str, str]:
    """Return a digest of each table."""
    async with service.database.reading() as conn:
        names = [
            row["tablename"]
            for row in await conn.fetch("select tablename from pg_tables where schemaname = 'public'")
        ]
        return {
            name: await conn.fetchval(
                f"select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {name} t"
            )
            for name in names
        }


def test_every_route_has_a_case() -> None:
    assert {name for name, _ in routes(document())} == set(CASES)


async def test_no_route_shows_or_changes_anything_of_another_team(world: World, service: Any) -> None:
    before = await kept(service)
    for route, case in CASES.items():
        answer = await sent(world, route, case, world.token(licet_teams=["red"]))
        for word in ELSEWHERE:
            assert word not in answer.text or word == world.ids["external_id"], (route, answer.text)
        await HIDES[case.answer](world, route, answer)
        assert await kept(service) == before, route


async def left_out(world: World, route: str, answer: Any) -> None:
    assert answer.status_code == 200, (route, answer.text)
    shown = [item["id"] for item in answer.json()["items"]]
    mine = [] if "bulk" in route else [world.ids["mine" if "holders" in route else "my_credential"]]
    assert shown == mine, route


async def told_as_of_nobody(world: World, route: str, answer: Any) -> None:
    """What is answered is what would be if they did not exist, to the letter."""
    case, unknown = CASES[route], world.ids["unknown"]
    assert answer.status_code == (404 if case.answer == HIDDEN else 422), (route, answer.text)
    nobody = await sent(
        world, route, case, world.token(licet_teams=["red"]), holder_id=unknown, credential_id=unknown
    )
    told = answer.text.replace(world.ids["holder_id"], unknown)
    assert told.replace(world.ids["credential_id"], unknown) == nobody.text, route


async def answered(status: int, world: World, route: str, answer: Any) -> None:
    assert answer.status_code == status, (route, answer.text)
    assert status == 200 or world.ids["holder_id"] not in answer.json()["detail"], route


HIDES: dict[str, Any] = {
    HIDDEN: told_as_of_nobody,
    UNSEEN_IN_BODY: told_as_of_nobody,
    LEFT_OUT: left_out,
    OPEN: partial(answered, 200),
    CLOSED: partial(answered, 403),
    TAKEN: partial(answered, 409),
}


OWN = {name: case for name, case in CASES.items() if case.answer != CLOSED}


async def test_the_same_route_shows_a_holder_of_the_tokens_own_team(world: World) -> None:
    headers = world.token(licet_teams=["blue"], licet_locations=["north"])
    for route in OWN:
        if route.startswith("GET "):
            answer = await sent(world, route, CASES[route], headers)
            assert answer.status_code in {200, 302}, (route, answer.text)


BEFORE = {
    "reactivate": ("/deactivate", REASON),
    "reinstate": ("/suspend", REASON),
    "end": ("", {"quiet_until": "2026-06-01"}),
}
"""What has to be done before the last part of a path can be."""


@pytest.mark.parametrize("route", [name for name in OWN if not name.startswith("GET ")])
async def test_the_same_route_changes_a_holder_of_the_tokens_own_team(world: World, route: str) -> None:
    path, _, last = world.of(route.split(" ")[1]).rpartition("/")
    if last in BEFORE:
        before = await world.http.post(f"{path}{BEFORE[last][0]}", json=BEFORE[last][1])
        assert before.status_code in {200, 201}, before.text
    case = CASES[route]
    if case.answer == TAKEN:
        case = Case(case.answer, case.body | PLACES)
    headers = world.token(licet_teams=["blue"], licet_locations=["north"])
    if case.version is not None:
        shown = await world.http.get(world.of(route.split(" ")[1]))
        case = Case(case.answer, case.body, shown.headers["etag"])
    answer = await sent(world, route, case, headers)
    # A picture that is none is refused only once its credential was seen.
    assert answer.status_code < 400 or (case.form and answer.status_code == 422), answer.text


IDS_OF_NOBODY = {
    "term_id": "of the credential that the path names",
    "flag_id": "of the credential that the path names",
    "image_ids": "of the credential that the path names",
    "ids": "each is judged when its turn comes",
}


def accesses() -> dict[str, Access]:
    """Return the access that each route declares, by method and path."""
    return {
        f"{method} {route.path_format or route.path}": each.call
        for route in iter_route_contexts(application().routes)
        if (dependant := getattr(route, "dependant", None)) is not None
        for each in dependencies(dependant)
        if isinstance(each.call, Access)
        for method in route.methods or ()
    }


def dependencies(dependant: Dependant) -> Iterator[Dependant]:
    for each in dependant.dependencies:
        yield each
        yield from dependencies(each)


def test_every_id_in_a_body_is_declared_as_a_holder_or_belongs_to_the_credential_of_the_path() -> None:
    api, declared = document(), accesses()
    unknown = set()
    for name, operation in routes(api):
        content = operation.get("requestBody", {}).get("content", {})
        access = declared.get(name)
        if access is None or access.everyone:  # closed to tokens that do not see everyone
            continue
        for media in content.values():
            unknown |= {
                f"{name}: {pointer}"
                for pointer in ids_in(api, media["schema"])
                if pointer not in access.people and pointer.rpartition("/")[2] not in IDS_OF_NOBODY
            }
    assert unknown == set()
    assert len(declared) > 60


def ids_in(api: Any, schema: Any, pointer: str = "", within: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the JSON pointers to the fields of a schema that are ids."""
    name = pointer.rpartition("/")[2]
    reference = schema.get("$ref")
    if reference is not None and reference not in within:
        named = api["components"]["schemas"][reference.rpartition("/")[2]]
        yield from ids_in(api, named, pointer, within | {reference})
    if schema.get("format") == "uuid" or (name.endswith(("_id", "_ids")) and name not in NOT_IDS):
        yield pointer
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from ids_in(api, each, pointer, within)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from ids_in(api, schema[key], pointer, within)
    for field_name, each in schema.get("properties", {}).items():
        yield from ids_in(api, each, f"{pointer}/{field_name}", within)


NOT_IDS = {"external_id", "manager_external_id"}


async def refused(answer: Any, status: int, words: str) -> None:
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"], answer.text


async def test_both_claims_must_hold_and_an_empty_one_hides_everybody(world: World) -> None:
    async def seen(**claims: Any) -> int:
        answer = await world.http.get("/v1/holders", headers=world.token(**claims))
        one = await world.http.get(world.of("/v1/holders/{mine}"), headers=world.token(**claims))
        assert (one.status_code == 200) == bool(answer.json()["items"])
        return len(answer.json()["items"])

    assert await seen(licet_teams=["red"], licet_locations=["south"]) == 1
    assert await seen(licet_teams=["red"], licet_locations=["north"]) == 0
    assert await seen(licet_teams=["red", "blue"]) == 3
    assert await seen(licet_teams=[]) == 0
    assert await seen(licet_locations=[]) == 0


async def test_a_holder_without_a_team_is_visible_only_to_tokens_that_see_everyone(world: World) -> None:
    nobody = await made(world.http, "holders", kind="vendor", name="Loose Ltd")
    answer = await world.http.get(f"/v1/holders/{nobody['id']}", headers=world.token(licet_teams=["red"]))
    assert answer.status_code == 404


async def test_a_holder_can_not_be_moved_out_of_the_tokens_sight(world: World, service: Any) -> None:
    headers = world.token(licet_teams=["red"])
    for wanted in ({"team": "blue"}, {"team": None}):
        moved = await world.http.patch(
            world.of("/v1/holders/{mine}"), json=wanted, headers={**headers, "If-Match": '"1"'}
        )
        await refused(moved, 403, "limited to the teams red")
    fed = await world.http.put(
        "/v1/holders/by-external-id/E-1", json={"kind": "employee", "name": "Ana"}, headers=headers
    )
    await refused(fed, 403, "limited to the teams red")
    new = await world.http.put(
        "/v1/holders/by-external-id/E-2", json={"kind": "employee", "name": "Bo"}, headers=headers
    )
    await refused(new, 403, "limited to the teams red")
    assert await service.published() == []
    within = await world.http.put(
        "/v1/holders/by-external-id/E-2", json={"kind": "employee", "name": "Bo", "team": "red"},
        headers=headers,
    )  # fmt: skip
    assert within.status_code == 201


async def test_a_manager_whom_the_token_does_not_see_can_not_be_named(world: World) -> None:
    headers = world.token(licet_teams=["red"])
    for who in ("{holder_id}", "{unknown}"):
        named = await world.http.patch(
            world.of("/v1/holders/{mine}"), json=world.of({"manager_id": who}),
            headers={**headers, "If-Match": '"1"'},
        )  # fmt: skip
        await refused(named, 422, world.of(f"There is no holder {who}."))
    for who in (ELSEWHERE[3], "E-9"):
        fed = await world.http.put(
            "/v1/holders/by-external-id/E-1",
            json={"kind": "employee", "name": "Ana", "team": "red", "manager_external_id": who},
            headers=headers,
        )
        await refused(fed, 422, f"There is no holder {who}.")


async def test_a_conflict_does_not_name_what_the_token_does_not_see(world: World) -> None:
    headers = world.token(licet_teams=["red"])
    answer = await world.http.post(
        "/v1/holders", json={"kind": "employee", "name": "Bo", "team": "red", "external_id": ELSEWHERE[3]},
        headers=headers,
    )  # fmt: skip
    await refused(answer, 409, "is already taken")
    assert world.ids["holder_id"] not in answer.text
    everyone = await world.http.post(
        "/v1/holders", json={"kind": "employee", "name": "Bo", "external_id": ELSEWHERE[3]}
    )
    await refused(everyone, 409, world.ids["holder_id"])


async def test_a_cycle_of_managers_does_not_name_whom_the_token_does_not_see(world: World) -> None:
    """Ana manages Zoe, who manages Bo; who sees only Ana and Bo lets Ana report to Bo."""
    bo = await made(world.http, "holders", kind="employee", name="Bo", team="red", external_id="E-3")
    for who, manager in (("{holder_id}", "{mine}"), (bo["id"], "{holder_id}")):
        path = world.of(f"/v1/holders/{who}")
        version = {"If-Match": (await world.http.get(path)).headers["etag"]}
        named = await world.http.patch(path, json=world.of({"manager_id": manager}), headers=version)
        assert named.status_code == 200, named.text
    closing = await world.http.patch(
        world.of("/v1/holders/{mine}"), json={"manager_id": bo["id"]},
        headers={**world.token(licet_teams=["red"]), "If-Match": '"1"'},
    )  # fmt: skip
    await refused(closing, 409, "Nobody can report to themselves")
    assert ELSEWHERE[3] not in closing.text


async def test_a_merged_record_is_visible_where_its_remaining_holder_is(world: World) -> None:
    double = await made(world.http, "holders", kind="employee", name="Zoe E.", team="red", external_id="E-4")
    into = {"into": world.ids["holder_id"], **REASON}
    merged = await world.http.post(f"/v1/holders/{double['id']}/merge", json=into)
    assert merged.status_code == 200, merged.text
    path = f"/v1/holders/{double['id']}"
    assert (await world.http.get(path, headers=world.token(licet_teams=["red"]))).status_code == 404
    both = world.token(licet_teams=["red", "blue"])
    assert (await world.http.get(path, headers=both)).status_code == 308
    fed = await world.http.put(
        "/v1/holders/by-external-id/E-4", json={"kind": "employee", "name": "Z", "team": "red"},
        headers=world.token(licet_teams=["red"]),
    )  # fmt: skip
    await refused(fed, 409, "is already taken")


@pytest.mark.parametrize("reach", ["report", "merged before", "team"])
async def test_a_merge_that_changes_unseen_holders_needs_a_token_that_sees_everyone(
    world: World, service: Any, reach: str
) -> None:
    double = await made(world.http, "holders", kind="employee", name="Ana E.", team="red", external_id="E-4")
    mine, out = {"into": world.ids["mine"], **REASON}, world.of("/v1/holders/{holder_id}")
    if reach == "report":
        tag = {"If-Match": (await world.http.get(out)).headers["etag"]}
        done = await world.http.patch(out, json={"manager_id": double["id"]}, headers=tag)
    elif reach == "merged before":
        done = await world.http.post(f"{out}/merge", json={"into": double["id"], **REASON})
    else:
        done = await world.http.put("/v1/teams/red", json={"name": "R", "supervisor_ids": [double["id"]]})
    assert done.status_code < 300, done.text
    before, path = await kept(service), f"/v1/holders/{double['id']}/merge"
    some = await world.http.post(path, json=mine, headers=world.token(licet_teams=["red"]))
    await refused(some, 403, "It takes a token that sees everyone.")
    assert all(word not in some.text for word in (*ELSEWHERE, world.ids["holder_id"]))
    assert await kept(service) == before
    assert (await world.http.post(path, json=mine)).status_code == 200


async def test_a_merge_changes_reports_that_the_token_sees(world: World) -> None:
    double = await made(world.http, "holders", kind="employee", name="Ana E.", team="red")
    report = await made(
        world.http, "holders", kind="employee", name="Cy", team="red", manager_id=double["id"]
    )
    answer = await world.http.post(
        f"/v1/holders/{double['id']}/merge",
        json={"into": world.ids["mine"], **REASON},
        headers=world.token(licet_teams=["red"]),
    )
    assert (answer.status_code, answer.json()["reports"]) == (200, [report["id"]])


async def test_a_refused_merge_does_not_name_a_credential_that_the_token_may_not_see(
    world: World, service: Any
) -> None:
    double, card = await person(world.http, name="Ana E.", team="red", number=ELSEWHERE[2])
    async with service.database.reading() as conn:  # the rule is of today, the credentials of before
        await conn.execute("update credential_types set number_unique = 'jurisdiction'")
        await conn.execute(
            "update credentials set number_scope = 'jurisdiction:DE' where id = $1",
            world.ids["credential_id"],
        )
    path, mine = f"/v1/holders/{double['id']}/merge", {"into": world.ids["mine"], **REASON}
    some = await world.http.post(path, json=mine, headers=world.token(licet_teams=["red"]))
    await refused(some, 409, card["id"])
    assert world.ids["credential_id"] not in some.text
    await refused(await world.http.post(path, json=mine), 409, world.ids["credential_id"])


async def test_held_credentials_leave_out_those_that_belong_to_somebody_else_today(
    world: World, service: Any
) -> None:
    known_at = service.clock.now().isoformat()
    service.clock.advance(days=1)
    moved = await world.http.post(
        world.of("/v1/credentials/{my_credential}/corrections"),
        json=world.of({"holder_id": "{holder_id}", "reason": "wrong_person"}),
    )
    assert moved.status_code == 200, moved.text
    path, query = world.of("/v1/holders/{mine}/credentials"), {"on": "2026-03-01", "known_at": known_at}
    everything = await world.http.get(path, params=query)
    assert [each["credential_id"] for each in everything.json()["items"]] == [world.ids["my_credential"]]
    some = await world.http.get(path, params=query, headers=world.token(licet_teams=["red"]))
    assert some.json()["items"] == []


async def test_the_history_of_a_moved_credential_hides_holders_whom_the_token_does_not_see(
    world: World,
) -> None:
    card = world.of("/v1/credentials/{credential_id}")
    steps = [
        ("suspend", {"reason": "audit", "note": "Zoe Elsewhere was ill"}),
        ("corrections", world.of({"holder_id": "{mine}", "reason": "wrong_person", "note": "not Zoe's"})),
        ("reinstate", {"reason": "audit", "note": "Ana is well"}),
    ]
    for action, body in steps:
        assert (await world.http.post(f"{card}/{action}", json=body)).status_code == 200

    async def told(accept: str, **claims: Any) -> httpx.Response:
        headers = {**world.token(**claims), "Accept": accept}
        answer = await world.http.get(f"{card}/history", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer

    def moves(answer: httpx.Response) -> Any:
        [moved] = [item for item in answer.json()["items"] if "corrected" in item["details"]]
        return moved["details"]["corrected"]

    everything = await told("application/json")
    move = {"field": "holder_id", "was": world.ids["holder_id"], "now": world.ids["mine"]}
    assert moves(everything) == [move]
    assert moves(await told("application/json", licet_teams=["red", "blue"])) == [move]
    notes = [item["note"] for item in everything.json()["items"]]
    assert notes[-3:] == [body["note"] for _, body in steps]

    some = await told("application/json", licet_teams=["red"])
    assert moves(some) == [move | {"was": None}]
    assert [item["note"] for item in some.json()["items"]] == [*[None] * (len(notes) - 1), "Ana is well"]
    hides = {"details", "note"}
    assert [{name: item[name] for name in item.keys() - hides} for item in some.json()["items"]] == [
        {name: item[name] for name in item.keys() - hides} for item in everything.json()["items"]
    ]
    for answer in (some, await told("text/csv", licet_teams=["red"])):
        assert world.ids["holder_id"] not in answer.text
        assert "Zoe" not in answer.text


async def test_csv_files_leave_out_whom_the_token_does_not_see(world: World) -> None:
    headers = {**world.token(licet_teams=["red"]), "Accept": "text/csv"}
    for path, mine in (("/v1/holders", "mine"), ("/v1/credentials", "my_credential")):
        answer = await world.http.get(path, headers=headers)
        assert answer.headers["content-type"].startswith("text/csv")
        assert world.ids[mine] in answer.text
        assert len(answer.text.splitlines()) == 2
        for word in ELSEWHERE:
            assert word not in answer.text


async def test_a_stored_answer_is_not_replayed_to_a_token_that_sees_less(world: World) -> None:
    path, body = world.of("/v1/credentials/{credential_id}/suspend"), REASON
    key = {"Idempotency-Key": "k-1"}
    assert (await world.http.post(path, json=body, headers=key)).status_code == 200
    again = await world.http.post(path, json=body, headers=key)
    assert again.headers["idempotency-replayed"] == "true"
    narrowed = await world.http.post(path, json=body, headers={**world.token(licet_teams=["red"]), **key})
    assert narrowed.status_code == 404


async def test_a_holder_who_leaves_the_team_while_a_write_waits_is_not_changed(
    world: World, service: Any
) -> None:
    """The write has seen them in the team and waits for their row; then they are somewhere else."""
    headers = world.token(licet_teams=["red"])
    async with service.database.transaction(Cause.new("user:test")) as tx:
        await tx.conn.execute("update holders set team = 'blue' where id = $1", world.ids["mine"])
        waiting = asyncio.ensure_future(
            world.http.post(world.of("/v1/credentials/{my_credential}/suspend"), json=REASON, headers=headers)
        )
        async with service.database.reading() as other:
            while not await other.fetchval("select exists (select from pg_locks where not granted)"):
                assert not waiting.done()
    answer = await waiting
    assert answer.status_code == 404
    assert await service.published() == []


CHANGES_NOTHING = [name for name in CASES if name.startswith("GET ")]


async def test_an_auditor_changes_nothing(world: World, service: Any) -> None:
    before = await kept(service)
    for route in CASES.keys() - set(CHANGES_NOTHING):
        answer = await sent(world, route, CASES[route], world.token(AUDITOR))
        assert answer.status_code == 403, (route, answer.text)
    assert await kept(service) == before


async def test_an_auditor_reads_everything_except_the_export_of_a_person(world: World) -> None:
    headers = world.token(AUDITOR)
    for route in CHANGES_NOTHING:
        answer = await sent(world, route, CASES[route], headers)
        expected = 404 if "{import_id}" in route else 403 if route.endswith("/export") else 200
        assert answer.status_code in {expected, 302}, (route, answer.text)


async def test_an_auditors_view_of_an_original_is_recorded(world: World) -> None:
    headers = world.token(AUDITOR, sub="audrey")
    image = world.of("/v1/credentials/{credential_id}/images/{image_id}")
    assert (await world.http.get(f"{image}/original", headers=headers)).status_code == 302
    [view] = (await world.http.get(f"{image}/views", headers=headers)).json()["items"]
    assert view["actor"] == "user:audrey"
    narrowed = world.token(AUDITOR, licet_teams=["red"])
    for what in ("original", "views"):
        assert (await world.http.get(f"{image}/{what}", headers=narrowed)).status_code == 404
