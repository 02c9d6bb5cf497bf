"""Errors as problem documents (RFC 9457): one tree, and one place that turns every error into one."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, TypeAlias

import asyncpg
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from licet_chassis.database import TRANSIENT, OutcomeUnknown
from licet_chassis.outage import Outage
from licet_chassis.outbox.append import LARGEST_RECORD, RecordTooLarge

_log = structlog.get_logger("licet.http")

MEDIA_TYPE = "application/problem+json"
_SHOWN_ERRORS = 3
_MOST_ERRORS = 100
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}  # RFC 9110; Python's depend on its version


class Problem(HTTPException):
    """An error answer (RFC 9457); raise it anywhere below a route.

    `detail` is a sentence a user can act on. `members` are more facts about it, by name (extension members of
    the RFC). `errors` name the inputs that are wrong: each has a
    `detail` and a `pointer` into the body (RFC 6901), or the name of a `parameter` or `header`.
    """

    status: ClassVar[int] = 500

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        title: str | None = None,
        errors: Sequence[Mapping[str, str | int]] = (),
        headers: Mapping[str, str] | None = None,
        type: str | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(status or self.status, detail, dict(headers) if headers else None)
        self.title = title or _TITLES.get(self.status_code) or HTTPStatus(self.status_code).phrase
        self.errors = tuple(errors)
        self.members = dict(members or {})
        self.type = type or problem_type(self.__class__ if self.__class__ is not Problem else self.title)

    def document(self, instance: str | None = None) -> dict[str, Any]:
        """Return the document; `instance` is the path of the request."""
        document: dict[str, Any] = {
            "type": self.type,
            "title": self.title,
            "status": self.status_code,
            "detail": self.detail,
        }
        if instance is not None:
            document["instance"] = instance
        if self.errors:
            document["errors"] = [dict(error) for error in self.errors[:_MOST_ERRORS]]
        return document | self.members


class BadRequest(Problem):
    """The request itself can't be understood."""

    status = 400


class Unauthenticated(Problem):
    """There is no token, or no valid one."""

    status = 401


class Forbidden(Problem):
    """The token is good and does not allow this."""

    status = 403


class NotFound(Problem):
    """There is no such thing, or none that this token may see."""

    status = 404


class Conflict(Problem):
    """The state of things does not allow this; the detail names what stands against it."""

    status = 409


class ContentTooLarge(Problem):
    """The body is larger than the route takes."""

    status = 413


class UnsupportedMediaType(Problem):
    """The body is of a kind that the route does not take."""

    status = 415


class Unprocessable(Problem):
    """The request is well-formed and says something impossible."""

    status = 422


class PreconditionRequired(Problem):
    """An update needs `If-Match`."""

    status = 428


class Unavailable(Problem):
    """Something this service needs does not answer; the same request may be sent again."""

    status = 503


COMMITS = "licet.commits"
"""Where the scope of a request has the list that `count_commits` returned for it."""
_UNCHANGED = "licet.nothing_changed"
_OUTCOME_UNKNOWN = "urn:licet:problem:outcome-unknown"


def note_nothing_changed(scope: Scope) -> None:
    """Note that the one transaction that this request is about was not committed."""
    scope[_UNCHANGED] = True


def problem_type(kind: type[BaseException] | str) -> str:
    """Return the `type` of a problem: `urn:licet:problem:` and the name of the error in kebab-case."""
    name = kind if isinstance(kind, str) else re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind.__name__)
    return "urn:licet:problem:" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def problem_response(problem: Problem, scope: Scope) -> Response:
    """Return the response that carries `problem` for the request of `scope`."""
    body = to_json(problem.document(scope["path"]), fallback=str)
    return Response(body, problem.status_code, headers=problem.headers, media_type=MEDIA_TYPE)


def problem_of(error: Exception, status: int) -> Problem:
    """Return the problem for a domain error: its text, the input that its `pointer` names, its `members`."""
    detail = str(error)
    pointer = getattr(error, "pointer", None)
    return Problem(
        detail,
        status=status,
        type=problem_type(type(error)),
        errors=[] if pointer is None else [{"pointer": str(pointer), "detail": detail}],
        members=getattr(error, "members", None),
    )


def handle_problems(app: FastAPI, table: Mapping[type[Exception], int]) -> None:
    """Make every error of `app` a problem document; `table` gives the status of the domain's errors.

    A subclass follows its nearest ancestor in the table. What nothing here knows is left to the
    request middleware, which logs it and answers 500 without its text.
    """

    async def domain_error(request: Request, error: Exception) -> Response:
        nearest = next(kind for kind in type(error).__mro__ if kind in table)
        return problem_response(problem_of(error, table[nearest]), request.scope)

    outage = Outage("licet.http", "http.dependency_failed")

    async def transient(request: Request, error: Exception) -> Response:
        outage.failed(type(error).__name__, detail=str(error)[:300], exc_info=error)
        return problem_response(_outage_of(request, error), request.scope)

    async def not_text(request: Request, _error: Exception) -> Response:
        return problem_response(
            BadRequest(
                "A text in the path or the query has characters that can't be stored, such as U+0000."
            ),
            request.scope,
        )

    async def out_of_range(request: Request, error: Exception) -> Response:
        if not isinstance(error.__cause__, OverflowError):
            raise error
        return problem_response(
            BadRequest("A number in the path, the query or the body is larger than any that is stored."),
            request.scope,
        )

    async def too_large_to_tell(request: Request, _error: Exception) -> Response:
        return problem_response(
            Unprocessable(
                "What this makes of it would be too large to be published "
                f"(the most is {LARGEST_RECORD:,} bytes); nothing was changed."
            ),
            request.scope,
        )

    for kind in TRANSIENT:
        if issubclass(kind, Exception):
            app.add_exception_handler(kind, transient)
    app.add_exception_handler(asyncpg.exceptions.CharacterNotInRepertoireError, not_text)
    app.add_exception_handler(asyncpg.exceptions.UntranslatableCharacterError, not_text)
    app.add_exception_handler(asyncpg.exceptions.DataError, out_of_range)
    app.add_exception_handler(RecordTooLarge, too_large_to_tell)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _invalid)
    for kind in table:
        app.add_exception_handler(kind, domain_error)


def _outage_of(request: Request, error: Exception) -> Problem:
    """Say what an outage means for the request: nothing was changed, or it is not known what was."""
    commits: list[None] = request.scope.get(COMMITS, [])
    reads = request.method in {"GET", "HEAD", "OPTIONS"}
    if not isinstance(error, OutcomeUnknown) and (reads or not commits or request.scope.get(_UNCHANGED)):
        return Unavailable(
            "Something this service needs does not answer at present; nothing was changed, try again.",
            headers={"Retry-After": "1"},
        )
    if request.headers.get("idempotency-key"):
        return Problem(
            "It is not known whether this was done: the database did not confirm it. Send the same request "
            "again with the same Idempotency-Key: it has one effect, and its answer tells.",
            status=503,
            type=_OUTCOME_UNKNOWN,
            headers={"Retry-After": "1"},
        )
    how = "all of it" if isinstance(error, OutcomeUnknown) else "a part of it"
    return Problem(
        f"It is not known whether {how} was done: the database did not confirm it. Look before sending it "
        "again; a request with an Idempotency-Key could be repeated safely.",
        status=503,
        type=_OUTCOME_UNKNOWN,
    )


async def _http_exception(request: Request, error: Exception) -> Response:
    if isinstance(error, Problem):
        return problem_response(error, request.scope)
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for nothing else
    status, method, path = error.status_code, request.method, request.url.path
    if status == 404:
        problem = Problem(f"There is nothing at {path}.", status=status)
    elif status == 405:
        allowed = ", ".join(_methods_of(request))
        problem = Problem(
            f"{path} does not take {method}, only {allowed}.", status=status, headers={"Allow": allowed}
        )
    else:
        problem = Problem(str(error.detail), status=status, headers=error.headers)
    return problem_response(problem, request.scope)


MethodsOfPath: TypeAlias = tuple[re.Pattern[str], frozenset[str]]
"""A route: the paths that it matches, and the methods that it takes."""


def _methods_of(request: Request) -> list[str]:
    """Return every method that a route takes at the path; the router names those of the first one only."""
    routes: list[MethodsOfPath] = request.app.state.methods_of_paths
    return sorted({method for path, methods in routes if path.match(request.url.path) for method in methods})


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for nothing else
    return problem_response(invalid_input(error, request.headers.get("content-type")), request.scope)


def invalid_input(error: RequestValidationError, content_type: str | None) -> Problem:
    """Return the problem for input that does not validate: 400 if it is no JSON, 415, or 422."""
    failures = error.errors()
    first = failures[0]
    if first["type"] == "json_invalid":
        reason = first.get("ctx", {}).get("error", "malformed")
        return BadRequest(f"The body is not JSON: {reason} (at character {first['loc'][-1]}).")
    if first["loc"] == ("body",) and isinstance(error.body, bytes):
        sent = content_type or "no content type"
        return UnsupportedMediaType(f"The body must be sent as application/json; this one has {sent}.")
    errors = [_input_error(failure, error.body) for failure in failures]
    shown = "; ".join(f"{_where(item)}: {item['detail']}" for item in errors[:_SHOWN_ERRORS])
    more = len(errors) - _SHOWN_ERRORS
    return Unprocessable(
        shown + (f"; and {more} more" if more > 0 else ""),
        errors=errors,
        type="urn:licet:problem:invalid-input",
    )


def _where(error: Mapping[str, str]) -> str:
    if "pointer" in error:
        return error["pointer"] or "the body"
    return error.get("parameter") or error["header"]


def _input_error(failure: Mapping[str, Any], body: Any) -> dict[str, str]:
    place, *parts = failure["loc"]
    detail = _plain(failure)
    if place == "header":
        return {"header": str(parts[0]), "detail": detail}
    if place != "body":
        return {"parameter": str(parts[0]) if parts else place, "detail": detail}
    return {"pointer": json_pointer(_in_document(parts, body, failure["type"])), "detail": detail}


def json_pointer(parts: Sequence[str | int]) -> str:
    """Return the JSON pointer (RFC 6901) to the member under `parts`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _in_document(parts: Sequence[str | int], body: Any, kind: str) -> list[str | int]:
    """Keep of pydantic's location what is in the document: it also names the branches of unions."""
    found: list[str | int] = []
    at: Any = body
    for index, part in enumerate(parts):
        try:
            at = at[part]
        except (LookupError, TypeError):
            if kind != "missing" or index != len(parts) - 1:
                continue
        found.append(part)
    return found


_PLAIN = {
    "missing": "is required",
    "extra_forbidden": "is no field of this resource",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "date_type": "must be a date, YYYY-MM-DD",
    "date_from_datetime_parsing": "must be a date that exists, YYYY-MM-DD",
    "date_parsing": "must be a date that exists, YYYY-MM-DD",
    "datetime_type": "must be an instant, such as 2026-01-31T08:00:00Z",
    "datetime_parsing": "must be an instant, such as 2026-01-31T08:00:00Z",
    "datetime_from_date_parsing": "must be an instant, such as 2026-01-31T08:00:00Z",
    "timezone_aware": "must say its offset, such as 2026-01-31T08:00:00Z",
    "uuid_parsing": "must be an id (a UUID)",
    "uuid_type": "must be an id (a UUID)",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}


def _plain(failure: Mapping[str, Any]) -> str:
    known = _PLAIN.get(failure["type"])
    if known is not None:
        return known
    message = str(failure["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return re.sub(r"^(Input|Value|String|List|Data) should ", "must ", message)
