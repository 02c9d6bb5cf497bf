"""Writes: one request, one transaction, one effect, and the same answer when it is sent again."""

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, TypeAlias, TypeVar

from fastapi import Depends, Header
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.clock import machine_now
from licet_chassis.database import TRANSIENT, Database, OutcomeUnknown, Transaction
from licet_chassis.failpoints import Failpoint
from licet_chassis.http.auth import principal_of
from licet_chassis.http.problems import Conflict, Unprocessable, note_nothing_changed
from licet_chassis.http.requests import request_cause
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving
from licet_chassis.queries import load_queries

QUERIES = load_queries(__package__)
R = TypeVar("R")

REPLAYED_HEADER = "Idempotency-Replayed"
KEPT_FOR = timedelta(hours=24)
_KEPT_HEADERS = ("content-type", "etag", "location")
_FORGET_BATCH = 1_000
_GUARD = "licet.write_guard"

_BEGUN = Failpoint("write.begun")
_DONE = Failpoint("write.done")
_COMMITTED = Failpoint("write.committed")

Guard: TypeAlias = Callable[[Transaction], AbstractAsyncContextManager[None]]
"""A context that a write runs in, inside its transaction."""


def guard_write(request: Request, guard: Guard) -> None:
    """Run this request's write inside `guard`, for a dependency that checks more than the route does.

    It is entered in the transaction before the command runs and before a stored answer is replayed, and
    left before the commit: an error that it raises rolls everything back.
    """
    request.scope[_GUARD] = guard


class Writer:
    """Runs the command of one request in its transaction; get it as the dependency `Write`."""

    def __init__(self, request: Request, idempotency_key: str | None) -> None:
        self._request = request
        self._key = idempotency_key

    async def __call__(
        self,
        command: Callable[[Transaction, datetime], Awaitable[R]],
        *,
        view: Callable[[R], BaseModel] | None = None,
        status: int | Callable[[R], int] = 200,
        location: Callable[[R], str] | None = None,
        fingerprint: bytes | None = None,
    ) -> Response:
        """Run `command(tx, now)` in a transaction and return the answer after its commit.

        `now` is business time. `view` turns the result into the body of the answer, with the `ETag` of its
        `version`; without one the answer is 204. `status` may depend on the result, where a request
        creates or replaces. A form's `fingerprint` (see `form_fingerprint`) stands in for its body,
        which is consumed by parsing.

        With an `Idempotency-Key` the answer is stored in the same transaction as the effect. It is
        replayed only to a token that sees the same people. Errors are not stored: nothing was done. The
        command may run twice, the first run rolled back, so it must act on the transaction only.
        """
        running = serving(self._request)
        request_hash = await self._hash(fingerprint) if self._key is not None else b""

        guard: Guard = self._request.scope.get(_GUARD, _unguarded)

        async def guarded(tx: Transaction) -> Response:
            async with guard(tx):
                return await work(tx)

        async def work(tx: Transaction) -> Response:
            _BEGUN()
            if self._key is not None:
                given = await self._answer_given(tx, self._key, request_hash)
                if given is not None:
                    return given
            result = await command(tx, running.clock.now())
            answer = _answer(result, view, status, location)
            if self._key is not None:
                await self._keep(tx, self._key, request_hash, answer)
            await tx.learn_id()
            _DONE()
            return answer

        try:
            answer = await running.database.run(request_cause(self._request), guarded)
        except OutcomeUnknown:
            kept = await self._answer_kept(running.database, request_hash)
            if kept is None:
                raise
            answer = kept
        except TRANSIENT:
            note_nothing_changed(self._request.scope)
            raise
        _COMMITTED()
        return answer

    async def _answer_kept(self, database: Database, request_hash: bytes) -> Response | None:
        """Look for the answer kept under the key of a request whose commit was lost."""
        if self._key is None:
            return None
        subject = principal_of(self._request).subject
        try:
            async with database.reading() as conn:
                row = await conn.fetchrow(QUERIES["read_answer"], subject, self._key)
        except TRANSIENT:
            return None
        if row is None or row["request_hash"] != request_hash:
            return None
        return Response(row["body"], row["status"], headers=json.loads(row["headers"]))

    async def _answer_given(self, tx: Transaction, key: str, request_hash: bytes) -> Response | None:
        subject = principal_of(self._request).subject
        # The lock is released by commit or rollback, so its next holder sees our answer. A request that does
        # not get it may have met a replay, which only reads; then there is an answer.
        ours = await tx.conn.fetchval(QUERIES["claim_key"], _lock_number(subject, key))
        row = await tx.conn.fetchrow(QUERIES["read_answer"], subject, key)
        if row is None:
            if ours:
                return None
            raise Conflict(
                "A request with this Idempotency-Key is still being worked on; send it again in a moment.",
                headers={"Retry-After": "1"},
            )
        if row["request_hash"] != request_hash:
            raise Unprocessable(
                "This Idempotency-Key was used for another request, or with a token that sees other people;"
                " a new request needs a new key.",
                errors=[{"header": "Idempotency-Key", "detail": "was used for another request"}],
            )
        headers: dict[str, str] = json.loads(row["headers"])
        return Response(row["body"], row["status"], headers={**headers, REPLAYED_HEADER: "true"})

    async def _keep(self, tx: Transaction, key: str, request_hash: bytes, answer: Response) -> None:
        kept = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
        await tx.conn.execute(
            QUERIES["keep_answer"], principal_of(self._request).subject, key, request_hash,
            answer.status_code, json.dumps(kept), bytes(answer.body), machine_now(),
        )  # fmt: skip

    async def _hash(self, fingerprint: bytes | None) -> bytes:
        request, principal = self._request, principal_of(self._request)
        body = await request.body() if fingerprint is None else fingerprint
        return _digest(
            _claim(principal.teams),
            _claim(principal.locations),
            request.method.encode(),
            request.url.path.encode(),
            request.url.query.encode(),
            request.headers.get("if-match", "").encode(),
            body,
        )


async def _writer(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            description="Sent again with the same request, it gives the same answer and no second effect",
        ),
    ] = None,
) -> Writer:
    return Writer(request, idempotency_key)


Write = Annotated[Writer, Depends(_writer)]
"""The way to write: `return await write(lambda tx, now: …, view=…, status=201, location=…)`."""


def form_fingerprint(fields: Mapping[str, str], files: Mapping[str, bytes]) -> bytes:
    """Return what stands for a multipart body: its fields and the SHA-256 digest of each file, by name."""
    parts = [_digest(b"field", name.encode(), value.encode()) for name, value in sorted(fields.items())]
    parts += [_digest(b"file", name.encode(), digest) for name, digest in sorted(files.items())]
    return _digest(*parts)


async def forget_answers(database: Database) -> bool:
    """Remove some answers older than a day of machine time; returns whether there may be more."""
    async with database.reading() as conn:
        done = await conn.execute(QUERIES["forget_answers"], machine_now() - KEPT_FOR, _FORGET_BATCH)
    return int(done.rpartition(" ")[2]) == _FORGET_BATCH


def _unguarded(_tx: Transaction) -> AbstractAsyncContextManager[None]:
    return nullcontext()


def _answer(
    result: R,
    view: Callable[[R], BaseModel] | None,
    status: int | Callable[[R], int],
    location: Callable[[R], str] | None,
) -> Response:
    headers = {} if location is None else {"Location": location(result)}
    if view is None:
        return Response(status_code=204, headers=headers)
    return resource(view(result), status=status(result) if callable(status) else status, headers=headers)


def _claim(codes: frozenset[str] | None) -> bytes:
    return json.dumps(None if codes is None else sorted(codes)).encode()


def _digest(*parts: bytes) -> bytes:
    """Hash parts with their lengths, so that no two lists of parts look alike."""
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def _lock_number(subject: str, key: str) -> int:
    return int.from_bytes(_digest(b"idempotency", subject.encode(), key.encode())[:8], "big", signed=True)
