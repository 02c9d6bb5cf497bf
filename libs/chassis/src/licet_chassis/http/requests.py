"""Around every request: ids, body limit, log line, metrics."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from licet_chassis.cause import Cause, child_traceparent
from licet_chassis.database import count_commits
from licet_chassis.http.auth import is_open, principal_of
from licet_chassis.http.problems import COMMITS, ContentTooLarge, Problem, problem_response
from licet_chassis.telemetry import bind_trace

_log = structlog.get_logger("licet.http")

CORRELATION_HEADER = "X-Correlation-Id"
_CORRELATION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_CAUSE = "licet.cause"
_NO_ROUTE = "(no route)"

_REQUESTS = Counter("licet_http_requests_total", "Requests answered", ["method", "route", "status"])
_SECONDS = Histogram(
    "licet_http_request_seconds",
    "Time from the request's head to the end of the answer",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Requests:
    """Outermost ASGI middleware: sets ids, logs one line, counts, and turns any error into a 500.

    `templates` maps an endpoint to its path template. Metrics carry the template, so made-up paths make
    no new series.
    """

    def __init__(self, app: ASGIApp, *, templates: Mapping[Any, str]) -> None:
        self.app = app
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, whatever is raised below."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        cause = _cause_of_headers(Headers(scope=scope))
        scope[_CAUSE] = cause
        scope[COMMITS] = count_commits()
        structlog.contextvars.clear_contextvars()
        bind_trace(cause)
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[CORRELATION_HEADER] = cause.correlation_id
            try:
                await send(message)
            except OSError as error:
                # Must not be mistaken for an OSError of the database: the command has been committed.
                raise ClientDisconnect from error

        try:
            await self.app(scope, receive, answer)
        except ClientDisconnect:
            _log.info("http.client_gone", method=scope["method"])
        except Exception:  # the last place that can still answer the client
            _log.error("http.unexpected_error", method=scope["method"], exc_info=True)
            if status:
                raise  # the answer has begun: only a broken connection can signal the failure
            problem = Problem(
                "Something went wrong on our side; it is logged under the correlation id of this answer.",
                status=500,
            )
            await problem_response(problem, scope)(scope, receive, answer)
        finally:
            self._report(scope, status or 500, time.perf_counter() - started)

    def _report(self, scope: Scope, status: int, seconds: float) -> None:
        route = self._templates.get(scope.get("endpoint"), _NO_ROUTE)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        _REQUESTS.labels(method, route, status).inc()
        _SECONDS.labels(method, route).observe(seconds)
        if not is_open(scope["path"]):
            _log.info("http.request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


def _cause_of_headers(headers: Headers) -> Cause:
    traceparent = child_traceparent(headers.get("traceparent"))
    given = headers.get(CORRELATION_HEADER)
    if given is not None and _CORRELATION_ID.fullmatch(given):
        return Cause("user:unknown", given, None, traceparent)
    fresh = Cause.new("user:unknown")
    return Cause(fresh.actor, fresh.correlation_id, None, traceparent)


def request_cause(request: Request) -> Cause:
    """Return the cause of what this request changes: its principal, its correlation id, its trace."""
    cause: Cause = request.scope[_CAUSE]
    return Cause(principal_of(request).actor, cause.correlation_id, None, cause.traceparent)


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """A route with a body limit of its own."""

    methods: frozenset[str]
    path: re.Pattern[str]
    largest: int


class BodyLimits:
    """ASGI middleware: a body over the limit is refused with 413, by its declared or its real length.

    Routes with a limit of their own say so with FastAPI's `max_body_size=`; this middleware stands
    before that one, because that one answers in plain text.
    """

    def __init__(self, app: ASGIApp, *, largest: int, exceptions: Sequence[BodyLimit]) -> None:
        self.app = app
        self._largest = largest
        self._exceptions = exceptions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on with a `receive` that counts."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        largest = self._limit(scope)
        too_large = ContentTooLarge(f"The body is larger than the {largest:,} bytes that this takes.")
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > largest:
            await problem_response(too_large, scope)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > largest:
                    raise too_large
            return message

        await self.app(scope, counted, send)

    def _limit(self, scope: Scope) -> int:
        for exception in self._exceptions:
            if scope["method"] in exception.methods and exception.path.match(scope["path"]):
                return exception.largest
        return self._largest
