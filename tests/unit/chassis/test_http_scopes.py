"""Every route says what it needs, and only a token with exactly that gets in."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends

from licet_chassis.http.auth import Principal, declared_scopes, requires, routes_without_scope
from support.edge.issuer import Issuer, bearer
from support.edge.service import client_of, edge_app

SCOPES = [
    "credentials:read", "credentials:write", "credentials:admin", "certifications:read",
    "certifications:write", "eligibility:read", "scheduler:read", "notifications:read", "notifications:write",
    "operations:read", "operations:write",
]  # fmt: skip

guarded = APIRouter(prefix="/v1")


def add(scope: str) -> None:
    path = "/" + scope.replace(":", "/")

    @guarded.get(path, dependencies=[requires(scope)])
    async def answer() -> str:
        return scope


for each in SCOPES:
    add(each)


def of_a_reader(principal: Annotated[Principal, requires("credentials:read")]) -> Principal:
    return principal


nested = APIRouter(prefix="/v1/nested")


@nested.get("")
async def through_a_dependency(principal: Annotated[Principal, Depends(of_a_reader)]) -> str:
    return principal.subject


@nested.get("/admin/{what}")
async def more_for_some(what: str, principal: Annotated[Principal, requires("credentials:read")]) -> str:
    if what == "original":
        principal.must_have("credentials:admin")
    return what


shared = APIRouter(prefix="/v1/shared")


@shared.get("", dependencies=[requires("operations:read", everyone=True)])
async def about_everybody() -> str:
    return "everybody"


unguarded = APIRouter(prefix="/v1/open")


@unguarded.get("")
async def forgotten() -> str:
    return "anyone"


@unguarded.post("/{number}")
async def forgotten_too(number: int) -> int:
    return number


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.mark.parametrize("has", SCOPES)
async def test_token_with_one_scope_gets_into_that_route_and_no_other(issuer: Issuer, has: str) -> None:
    async with client_of(edge_app(issuer, guarded), issuer.token(scope=has)) as client:
        for needs in SCOPES:
            answer = await client.get("/v1/" + needs.replace(":", "/"))
            assert answer.status_code == (200 if needs == has else 403), (has, needs)


async def test_403_names_the_scope_that_is_missing(issuer: Issuer) -> None:
    async with client_of(edge_app(issuer, guarded), issuer.token(scope="credentials:read")) as client:
        answer = await client.get("/v1/credentials/admin")
    assert answer.json()["detail"] == "This token lacks the scope credentials:admin."
    assert (
        answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="credentials:admin"'
    )


@pytest.mark.parametrize("claims", [{"licet_teams": ["red"]}, {"licet_locations": []}], ids=str)
async def test_what_is_about_everybody_is_closed_to_tokens_that_see_some(
    issuer: Issuer, claims: dict[str, Any]
) -> None:
    async with client_of(edge_app(issuer, shared), issuer.token(scope="operations:read")) as client:
        assert (await client.get("/v1/shared")).status_code == 200
        narrowed = bearer(issuer.token(scope="operations:read", **claims))
        answer = await client.get("/v1/shared", headers=narrowed)
    assert answer.status_code == 403
    assert "needs a token that sees everyone" in answer.json()["detail"]


async def test_scope_that_only_begins_alike_is_another(issuer: Issuer) -> None:
    async with client_of(
        edge_app(issuer, guarded), issuer.token(scope="credentials:rea credentials:readx Credentials:read")
    ) as client:
        assert (await client.get("/v1/credentials/read")).status_code == 403


async def test_route_may_ask_for_more_for_a_part(issuer: Issuer) -> None:
    async with client_of(edge_app(issuer, nested)) as client:
        reader = bearer(issuer.token(scope="credentials:read"))
        admin = bearer(issuer.token(scope="credentials:read credentials:admin"))
        assert (await client.get("/v1/nested/admin/display", headers=reader)).status_code == 200
        assert (await client.get("/v1/nested/admin/original", headers=reader)).status_code == 403
        assert (await client.get("/v1/nested/admin/original", headers=admin)).status_code == 200


def test_routes_without_a_scope_are_listed_and_health_and_documents_are_not(issuer: Issuer) -> None:
    outer = APIRouter(prefix="/deep")
    outer.include_router(unguarded)
    app = edge_app(issuer, guarded, nested, unguarded, outer)
    assert routes_without_scope(app) == [
        "GET /deep/v1/open", "GET /v1/open", "POST /deep/v1/open/{number}", "POST /v1/open/{number}",
    ]  # fmt: skip


def test_scope_behind_a_dependency_counts_as_declared(issuer: Issuer) -> None:
    assert declared_scopes(edge_app(issuer, nested))["GET /v1/nested"] == "credentials:read"


def test_openapi_says_which_scope_a_route_needs(issuer: Issuer) -> None:
    document = edge_app(issuer, guarded).openapi()
    assert document["paths"]["/v1/credentials/admin"]["get"]["security"] == [
        {"bearer": ["credentials:admin"]}
    ]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


async def test_health_metrics_and_documents_need_no_token(issuer: Issuer) -> None:
    async with client_of(edge_app(issuer, guarded)) as client:
        for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/docs"):
            assert (await client.get(path)).status_code == 200, path
