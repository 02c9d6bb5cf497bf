"""Restraint over HTTP: the rules on when mails may leave, and stops."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.requests import request_cause
from licet_chassis.http.resources import MaybeIfMatch, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_notifier.restraint import commands, store
from licet_notifier.restraint.bodies import (
    RestraintBody,
    RestraintView,
    ResumeBody,
    ResumedView,
    StopBody,
    StopsView,
    StopView,
)
from licet_notifier.restraint.commands import CountedStop, Resumed
from licet_notifier.restraint.model import Stop
from licet_notifier.restraint.store import KeptRules

router = APIRouter(prefix="/v1", tags=["restraint"])

Reader = Annotated[Principal, requires("notifications:read")]
Writer = Annotated[Principal, requires("notifications:write", everyone=True)]


@router.get("/restraint", response_model=RestraintView)
async def show_restraint(request: Request, _principal: Reader) -> Response:
    """Show the rules on when mails may leave."""
    async with serving(request).database.reading() as conn:
        return resource(RestraintView.of(await store.read_rules(conn)))


@router.put("/restraint", response_model=RestraintView)
async def put_restraint(
    body: RestraintBody, principal: Writer, expected_version: MaybeIfMatch, write: Write
) -> Response:
    """Set the rules on when mails may leave. Waiting mails obey them when their time comes."""

    async def command(tx: Transaction, now: datetime) -> KeptRules:
        return await commands.set_rules(
            tx,
            body.rules(),
            note=body.note,
            by=principal.actor,
            expected_version=expected_version,
            now=now,
        )

    return await write(command, view=RestraintView.of)


@router.get("/stop", response_model=StopsView)
async def list_stops(request: Request, _principal: Reader) -> Response:
    """Show which mails are stopped, with the number of those held and of those that wait."""
    running = serving(request)

    async def read(tx: Transaction) -> StopsView:
        try:
            found = await commands.count_stops(tx)
        except Conflict:
            found = []
        return StopsView(stopped=bool(found), items=[StopView.of(each) for each in found])

    return resource(await running.database.run(request_cause(request), read))


@router.post("/stop", response_model=StopView, status_code=201)
async def stop(body: StopBody, principal: Writer, write: Write) -> Response:
    """Hold mails: none within the scope is begun once this is answered. Shows how many wait."""

    async def command(tx: Transaction, now: datetime) -> CountedStop:
        begun = Stop.begin(body.scope.scope(), body.reason, principal.actor, now)
        if body.dry_run:
            return CountedStop(begun, 0, await store.count_waiting(tx.conn, begun.scope))
        return await commands.stop_mails(tx, begun)

    return await write(
        command,
        view=lambda counted: StopView.of(counted, counted_only=body.dry_run),
        status=200 if body.dry_run else 201,
    )


@router.post("/resume", response_model=ResumedView)
async def resume(body: ResumeBody, principal: Writer, write: Write) -> Response:
    """End one stop or all of them, and release or drop the mails that they held."""
    scope = None if body.scope is None else body.scope.scope()

    async def command(tx: Transaction, now: datetime) -> Resumed:
        if body.dry_run:
            stops = await commands.count_stops(tx, scope=scope, stop_id=body.id)
            return Resumed(stops, body.held, sum(each.held for each in stops))
        return await commands.resume_mails(
            tx, body.held, scope=scope, stop_id=body.id, by=principal.actor, now=now
        )

    return await write(command, view=lambda resumed: ResumedView.of(resumed, dry_run=body.dry_run))
