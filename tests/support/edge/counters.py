"""A resource for tests of writes: every effect is a row, so effects can be counted."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Form, UploadFile
from pydantic import BaseModel
from starlette.responses import Response

from licet_chassis.database import Transaction
from licet_chassis.http.auth import requires
from licet_chassis.http.resources import Body, IfMatch
from licet_chassis.http.writes import Write, form_fingerprint
from licet_events.ids import uuid7

TABLE = """
create table counter (
    id uuid primary key, name text not null, version integer not null, actor text not null,
    correlation_id text not null, created_at timestamptz not null
)
"""
KEY = "key-1"
BODY = {"name": "first"}


class CounterIn(Body):
    """What a counter is made of."""

    name: str


class NameRefused(Exception):
    """A domain error, raised after something was written."""


@dataclass(frozen=True)
class Counter:
    """A counter as it is stored."""

    id: UUID
    name: str
    version: int


class CounterOut(BaseModel):
    """A counter as it is shown."""

    id: UUID
    name: str
    version: int

    @classmethod
    def of(cls, counter: Counter) -> "CounterOut":
        """Show a counter."""
        return cls(id=counter.id, name=counter.name, version=counter.version)


async def create_counter(tx: Transaction, name: str, *, now: datetime) -> Counter:
    """Write a row; the name `refused` is an error after it, `slow` waits for an advisory lock."""
    counter = Counter(uuid7(), name, 1)
    await tx.conn.execute(
        "insert into counter values ($1, $2, $3, $4, $5, $6)",
        counter.id, name, 1, tx.cause.actor, tx.cause.correlation_id, now,
    )  # fmt: skip
    if name == "refused":
        raise NameRefused("the name is refused")
    if name == "slow":
        await tx.conn.execute("select pg_advisory_xact_lock(42)")
    return counter


async def rename_counter(tx: Transaction, counter_id: UUID, name: str, expected: int) -> Counter:
    """Rename a counter of the expected version."""
    version = await tx.conn.fetchval(
        "update counter set name = $2, version = $3 + 1 where id = $1 and version = $3 returning version",
        counter_id, name, expected,
    )  # fmt: skip
    if version is None:
        raise NameRefused("stale")
    return Counter(counter_id, name, version)


async def delete_counter(tx: Transaction, counter_id: UUID) -> None:
    """Remove a counter."""
    await tx.conn.execute("delete from counter where id = $1", counter_id)


counters = APIRouter(prefix="/v1/counters", dependencies=[requires("edge:write")])


@counters.post("", status_code=201, response_model=CounterOut)
async def create(body: CounterIn, write: Write) -> Response:
    """Make a counter."""
    return await write(
        lambda tx, now: create_counter(tx, body.name, now=now),
        view=CounterOut.of,
        status=201,
        location=lambda counter: f"/v1/counters/{counter.id}",
    )


@counters.patch("/{counter_id}", response_model=CounterOut)
async def rename(
    counter_id: UUID, body: CounterIn, expected: IfMatch, write: Write, loud: bool = False
) -> Response:
    """Rename a counter; `loud` is there to make requests that differ in their query."""
    return await write(
        lambda tx, now: rename_counter(tx, counter_id, body.name, expected), view=CounterOut.of
    )


@counters.delete("/{counter_id}", status_code=204)
async def remove(counter_id: UUID, write: Write) -> Response:
    """Remove a counter."""
    return await write(lambda tx, now: delete_counter(tx, counter_id))


@counters.post("/files", status_code=201, response_model=CounterOut)
async def upload(file: Annotated[UploadFile, File()], name: Annotated[str, Form()], write: Write) -> Response:
    """Make a counter from a form."""
    return await write(
        lambda tx, now: create_counter(tx, name, now=now),
        view=CounterOut.of,
        status=201,
        fingerprint=form_fingerprint({"name": name}, {"file": sha256(await file.read()).digest()}),
    )
