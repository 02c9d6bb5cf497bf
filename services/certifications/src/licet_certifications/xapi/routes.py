"""The statement resource of xAPI 1.0.3 and 2.0, as far as a store of completions needs it."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from licet_certifications.xapi import commands, store
from licet_certifications.xapi.model import Statement, agent_key, shown, statement_of
from licet_certifications.xapi.protocol import (
    XapiRoute,
    about,
    json_body,
    parameters,
    require_version,
)
from licet_certifications.xapi.statements import check_actor, check_statement, check_uuid, instant_of
from licet_certifications.xapi.store import StatementFilter
from licet_chassis.database import Transaction
from licet_chassis.http.auth import Principal, principal_of, requires
from licet_chassis.http.problems import BadRequest, Conflict, ContentTooLarge, NotFound
from licet_chassis.http.requests import request_cause
from licet_chassis.http.serving import serving
from licet_chassis.http.strictness import ReadsQuery

router = APIRouter(prefix="/xapi", tags=["xapi"], route_class=XapiRoute, dependencies=[Depends(ReadsQuery())])

MOST = 1000
"""Statements in one request."""
LARGEST_BODY = 8 * 1024 * 1024
LONGEST_PAGE = 500
_SINGLE = frozenset({"statementId", "voidedStatementId"})
_SHOWING = frozenset({"format", "attachments"})
_FILTERS = frozenset(
    {
        "agent", "verb", "activity", "registration", "related_activities", "related_agents", "since", "until",
        "limit", "ascending", "cursor",
    }
)  # fmt: skip

_WRITES = requires("completions:write", everyone=True)
_READS = requires("completions:read", everyone=True)
Version = Annotated[str, Depends(require_version)]
_JSON_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}
}


@router.api_route("/about", methods=["GET"], dependencies=[requires("completions:write")])
async def get_about() -> Response:
    """Return the versions of the specification that are spoken."""
    return await about()


@router.post("/statements", dependencies=[_WRITES], max_body_size=LARGEST_BODY, openapi_extra=_JSON_BODY)
async def post_statements(request: Request, version: Version) -> Response:
    """Keep a statement, or up to 1,000 in an array: all of them, or none. Answers their ids, in order."""
    parameters(request, frozenset())
    body = await json_body(request)
    sent = body if isinstance(body, list) else [body]
    if len(sent) > MOST:
        raise ContentTooLarge(
            f"A request takes at most {MOST:,} statements; these are {len(sent):,}. Send several requests."
        )
    prefix = "/{}" if isinstance(body, list) else ""
    statements = [_statement(request, one, prefix.format(place), version) for place, one in enumerate(sent)]
    await _keep(request, statements)
    return JSONResponse([str(one.id) for one in statements])


@router.put(
    "/statements",
    status_code=204,
    dependencies=[_WRITES],
    max_body_size=LARGEST_BODY,
    openapi_extra=_JSON_BODY,
)
async def put_statement(request: Request, version: Version) -> Response:
    """Keep a statement under the id in the parameter `statementId`."""
    given = parameters(request, frozenset({"statementId"}))
    if "statementId" not in given:
        raise BadRequest("PUT needs the parameter statementId.")
    statement_id = check_uuid(given["statementId"], "statementId")
    body = await json_body(request)
    if isinstance(body, dict) and str(body.get("id", statement_id)).lower() != str(statement_id):
        raise BadRequest("The statement has another id than the parameter statementId.")
    if isinstance(body, dict):
        body = {**body, "id": str(statement_id)}
    await _keep(request, [_statement(request, body, "", version)])
    return Response(status_code=204)


@router.head("/statements", include_in_schema=False, dependencies=[_READS, Depends(require_version)])
@router.get("/statements", dependencies=[_READS, Depends(require_version)])
async def get_statements(request: Request) -> Response:
    """Return one statement by its id, or those that are asked for, newest first, with `more` for the rest."""
    given = parameters(request, _SINGLE | _SHOWING | _FILTERS)
    form = _one_of(given, "format", "exact", ("exact", "ids", "canonical"))
    languages = _languages(request.headers.get("accept-language", ""))
    running = serving(request)
    headers: dict[str, str] = {}
    single = _SINGLE & given.keys()
    if single:
        if len(single) > 1 or _FILTERS & given.keys():
            raise BadRequest("statementId and voidedStatementId stand alone, but for format and attachments.")
        document = await _single(request, given)
        answer: Mapping[str, Any] = shown(document, form, languages)
        headers["Last-Modified"] = instant_of(document["stored"], "").strftime("%a, %d %b %Y %H:%M:%S GMT")
    else:
        asked, after, limit = _asked(given)
        async with running.database.listing() as conn:
            rows = await store.list_statements(conn, asked, after=after, limit=limit + 1)
        more = ""
        if len(rows) > limit:
            kept = {name: value for name, value in given.items() if name != "cursor"}
            query = request.url.replace_query_params(**kept, cursor=_cursor(rows[limit - 1][0])).query
            more = f"{request.url.path}?{query}"
        answer = {"statements": [shown(one, form, languages) for _, one in rows[:limit]], "more": more}
    if _flag(given, "attachments"):
        return _multipart(answer, headers)
    return JSONResponse(answer, headers=headers)


def _statement(request: Request, sent: Any, pointer: str, version: str) -> Statement:
    check_statement(sent, pointer)
    authority = _authority(principal_of(request), serving(request).settings.issuer_url)
    return statement_of(sent, now=serving(request).clock.now(), authority=authority, version=version)


def _authority(principal: Principal, issuer: str) -> Mapping[str, Any]:
    return {"objectType": "Agent", "account": {"homePage": issuer, "name": principal.subject}}


async def _keep(request: Request, statements: list[Statement]) -> None:
    running = serving(request)

    async def work(tx: Transaction) -> commands.Kept:
        return await commands.keep_statements(tx, statements, now=running.clock.now())

    kept = await running.database.run(request_cause(request), work)
    if kept.conflicting:
        raise Conflict(
            f"Another statement has the id {kept.conflicting[0]}; statements never change. Nothing was kept."
        )


async def _single(request: Request, given: Mapping[str, str]) -> Mapping[str, Any]:
    (name,) = _SINGLE & given.keys()
    statement_id = check_uuid(given[name], name)
    async with serving(request).database.reading() as conn:
        document = await store.read_statement(conn, statement_id, voided=name == "voidedStatementId")
    if document is None:
        raise NotFound(
            f"There is no {'voided ' if name == 'voidedStatementId' else ''}statement {statement_id}."
        )
    return document


def _asked(given: Mapping[str, str]) -> tuple[StatementFilter, int | None, int]:
    asked = StatementFilter(
        verb=given.get("verb"),
        activity=given.get("activity"),
        related_agents=_flag(given, "related_agents"),
        related_activities=_flag(given, "related_activities"),
        ascending=_flag(given, "ascending"),
        registration=check_uuid(given["registration"], "registration") if "registration" in given else None,
        since=_instant(given, "since"),
        until=_instant(given, "until"),
    )
    if "agent" in given:
        asked = replace(asked, agent=_agent(given["agent"]))
    for name in ("verb", "activity"):
        if name in given and ":" not in given[name]:
            raise BadRequest(f"The parameter {name} must be an IRI.")
    text = given.get("limit", "0")
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise BadRequest("The parameter limit must be a whole number; 0 is the most that is given at once.")
    after = None
    if "cursor" in given:
        try:
            after = int(urlsafe_b64decode(given["cursor"]))
        except ValueError:
            raise BadRequest("The parameter cursor is none; follow `more` as it is.") from None
    return asked, after, min(int(text) or LONGEST_PAGE, LONGEST_PAGE)


def _agent(text: str) -> str:
    try:
        agent = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRequest("The parameter agent must be an agent or group as JSON.") from None
    check_actor(agent, "agent")
    key = agent_key(agent)
    if key is None:
        raise BadRequest("The parameter agent must identify its group.")
    return key


def _instant(given: Mapping[str, str], name: str) -> datetime | None:
    return instant_of(given[name].replace(" ", "+"), name) if name in given else None


def _one_of(given: Mapping[str, str], name: str, default: str, known: tuple[str, ...]) -> str:
    value = given.get(name, default)
    if value not in known:
        raise BadRequest(f"The parameter {name} must be one of {', '.join(known)}.")
    return value


def _flag(given: Mapping[str, str], name: str) -> bool:
    return _one_of(given, name, "false", ("true", "false")) == "true"


def _cursor(place: int) -> str:
    return urlsafe_b64encode(str(place).encode()).decode()


def _languages(header: str) -> list[str]:
    ranked = []
    for position, part in enumerate(header.split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            ranked.append((-float(quality or 1), position, tag.strip()))
        except ValueError:
            continue
    return [tag for _, _, tag in sorted(ranked) if tag and tag != "*"]


def _multipart(answer: Mapping[str, Any], headers: dict[str, str]) -> Response:
    """Answer as multipart/mixed, as asked; there is one part, as no content of attachments is kept."""
    boundary = uuid4().hex
    body = f"--{boundary}\r\nContent-Type: application/json\r\n\r\n{json.dumps(answer)}\r\n--{boundary}--\r\n"
    return Response(body, headers=headers, media_type=f"multipart/mixed; boundary={boundary}")
