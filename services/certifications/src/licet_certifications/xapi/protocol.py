"""What the xAPI specification asks of every request and answer: its version, its parameters, its body."""

import json
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from licet_chassis.errors import Refused
from licet_chassis.http.problems import BadRequest, problem_of
from licet_chassis.http.serving import serving

VERSION_HEADER = "X-Experience-API-Version"
CONSISTENT_HEADER = "X-Experience-API-Consistent-Through"
VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0")
"""The versions that are spoken; what a 1.0.x or 2.0.x asks for is answered as the latest of it."""


class XapiRoute(APIRoute):
    """A route whose answers, errors too, say their version and through when they are consistent."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler that names the version in what it answers."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            headers = {VERSION_HEADER: spoken(request) or "2.0.0"} | consistent_through(
                serving(request).clock.now()
            )
            try:
                response = await handle(request)
            except HTTPException as error:
                error.headers = {**(error.headers or {}), **headers}
                raise
            except Refused as refused:
                # By the specification whatever makes a statement wrong is 400.
                problem = problem_of(refused, 400)
                problem.headers = headers
                raise problem from refused
            response.headers.update(headers)
            return response

        return answer


def spoken(request: Request) -> str | None:
    """Return the version in which a request is answered; `None` where it names none that is spoken."""
    asked = request.headers.get(VERSION_HEADER, "").strip()
    if asked == "1.0" or (asked.startswith("1.0.") and asked[4:].isdigit()):
        return "1.0.3"
    if asked == "2.0" or (asked.startswith("2.0.") and asked[4:].isdigit()):
        return "2.0.0"
    return None


async def require_version(request: Request) -> str:
    """Return the version in which a request is answered; raises the 400 for none, or one not spoken."""
    version = spoken(request)
    if version is None:
        asked = request.headers.get(VERSION_HEADER)
        raise BadRequest(
            f"The header {VERSION_HEADER} must name a version, 1.0.x or 2.0.x"
            + ("." if asked is None else f"; {asked[:40]!r} is none of these."),
            errors=[{"header": VERSION_HEADER, "detail": "must be 1.0.x or 2.0.x"}],
        )
    return version


def parameters(request: Request, allowed: frozenset[str]) -> Mapping[str, str]:
    """Return the query's parameters; raises the 400 for one that is unknown or stands twice."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in allowed or name in found:
            why = "stands twice" if name in found else "is not known here"
            raise BadRequest(
                f"The parameter {name[:80]} {why}; those known are {', '.join(sorted(allowed))}.",
                errors=[{"parameter": name[:80], "detail": why}],
            )
        found[name] = value
    return found


async def json_body(request: Request) -> Any:
    """Return the body of a request with JSON; raises the 400 or 415 that says what is wrong with it."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent == "multipart/mixed":
        raise BadRequest(
            "The content of attachments is not taken here: send the statements as application/json, with a "
            "fileUrl for each attachment."
        )
    if sent != "application/json":
        # The specification asks for 400, where HTTP would have 415.
        raise BadRequest(f"Statements are sent as application/json; this is {sent or 'of no type'}.")
    body = await request.body()
    try:
        text = body.decode("utf-8")
        found = json.loads(text, object_pairs_hook=_once_each, parse_constant=_refuse_constant)
        if "\0" in text or "\\u0000" in text.replace("\\\\", ""):
            raise ValueError("it has the character U+0000, which can't be stored")
        json.dumps(found, ensure_ascii=False).encode()  # raises for a surrogate without its other half
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    except ValueError as error:
        raise BadRequest(f"The body is no JSON that can be kept: {error}.") from None
    return found


def consistent_through(now: datetime) -> dict[str, str]:
    """Return the header that says through when everything that was stored is found: now."""
    return {CONSISTENT_HEADER: now.astimezone(UTC).isoformat().replace("+00:00", "Z")}


async def about() -> Response:
    """Return which versions are spoken."""
    return JSONResponse({"version": list(VERSIONS)})


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
