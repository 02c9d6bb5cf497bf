"""The contract of events over HTTP, without a token: schemas of values and headers, the AsyncAPI document."""

import json
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path
from starlette.responses import Response

from licet_chassis.errors import NotFound
from licet_chassis.http.auth import OPEN_UNDER
from licet_events import EVENT_TYPES

HEADERS, ASYNCAPI = "headers", "asyncapi"

_NAME = Path(description=f"A `ce_type`, `{HEADERS}` or `{ASYNCAPI}`")
_CACHED = "public, max-age=3600"


def schemas_router(schemas_url: str | None) -> APIRouter:
    """Return the routes; `schemas_url` is where subscribers reach them, and becomes part of each `$id`."""
    router = APIRouter(tags=["schemas"])
    document = _documents(schemas_url)

    @router.get("/schemas/{name}.json", response_model=dict[str, Any])
    async def get_schema(
        name: Annotated[str, _NAME], if_none_match: Annotated[str | None, Header()] = None
    ) -> Response:
        """Return the JSON Schema of a type's value or of the headers, or the AsyncAPI document."""
        body, tag = document(name)
        headers = {"ETag": tag, "Cache-Control": _CACHED, "Access-Control-Allow-Origin": "*"}
        if if_none_match is not None and tag in if_none_match:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="application/json")

    return router


def _documents(schemas_url: str | None) -> Callable[[str], tuple[bytes, str]]:
    @lru_cache(maxsize=len(EVENT_TYPES) + 2)
    def document(name: str) -> tuple[bytes, str]:
        content = _content(name)
        if schemas_url is not None and "$id" in content:
            content = {**content, "$id": f"{schemas_url}/{name}.json"}
        body = json.dumps(content, ensure_ascii=False).encode()
        return body, f'"{sha256(body).hexdigest()[:32]}"'

    return document


def _content(name: str) -> dict[str, Any]:
    package = files("licet_events")
    if name in EVENT_TYPES:
        file = package / "schemas" / f"{name}.json"
    elif name in {HEADERS, ASYNCAPI}:
        file = package / "asyncapi.json"
    else:
        raise NotFound(f"There is no type of events called {name}; {OPEN_UNDER}{ASYNCAPI}.json lists them.")
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if name != HEADERS:
        return content
    headers: dict[str, Any] = content["components"]["schemas"]["CloudEventsHeaders"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:licet:schema:headers",
        **headers,
    }
