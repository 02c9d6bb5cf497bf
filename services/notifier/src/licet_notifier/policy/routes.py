"""The policy over HTTP: what counts, its versions, restoring one."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from licet_chassis.database import Transaction
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.requests import request_cause
from licet_chassis.http.resources import MaybeIfMatch, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_notifier.policy import commands, store
from licet_notifier.policy.bodies import PolicyBody, RestoreBody
from licet_notifier.policy.commands import DryRun
from licet_notifier.policy.comparing import differences
from licet_notifier.policy.model import NO_POLICY
from licet_notifier.policy.store import SavedPolicy
from licet_notifier.policy.views import ChangedRule, DryRunView, PolicyComparison, PolicyView

router = APIRouter(prefix="/v1", tags=["policy"])

Reader = Annotated[Principal, requires("notifications:read", everyone=True)]
"""Rules hold addresses, and name teams that a narrowed token does not see."""
Writer = Annotated[Principal, requires("notifications:write", everyone=True)]


@router.get("/policy", response_model=PolicyView)
async def show_policy(request: Request, _principal: Reader) -> Response:
    """Show the policy that counts: who is told of what."""
    async with serving(request).database.reading() as conn:
        return resource(PolicyView.of(await store.newest_policy(conn)))


@router.put("/policy", response_model=PolicyView | DryRunView)
async def put_policy(
    request: Request, body: PolicyBody, principal: Writer, expected_version: MaybeIfMatch, write: Write
) -> Response:
    """Let a policy count from now on, or see with `dry_run` what it would change.

    The rule that names most conditions counts; of several with as many the one that names steps, type, team
    or location, in this order, else the first. A notice for which no rule is goes to holder and manager; a
    rule with an empty `tell` tells nobody. Mails that wait are looked at again before they leave.
    """
    policy = body.policy()
    if body.dry_run:
        running = serving(request)

        async def attempt(tx: Transaction) -> DryRun:
            return await commands.try_policy(tx, policy)

        return resource(DryRunView.of(await running.database.run(request_cause(request), attempt)))

    async def command(tx: Transaction, now: datetime) -> SavedPolicy:
        return await commands.save_policy(
            tx,
            policy,
            author=principal.actor,
            note=body.note,
            expected_version=expected_version,
            now=now,
        )

    return await write(command, view=PolicyView.of)


@router.get("/policy/versions", response_model=Page[PolicyView], responses=CSV_TOO)
async def list_policy_versions(request: Request, _principal: Reader, page: PageQuery) -> Response:
    """List the versions of the policy, newest first, each with its author and note."""

    async def read(asked: PageRequest) -> Page[PolicyView]:
        async with serving(request).database.reading() as conn:
            rows = await store.list_policies(conn, before=asked.after(int), limit=asked.limit + 1)
        return page_of(rows, asked.limit, lambda row: row.policy.version, PolicyView.of)

    return await listed(request, page, read, PolicyView)


@router.get("/policy/versions/{version}", response_model=PolicyView)
async def show_policy_version(request: Request, _principal: Reader, version: int) -> Response:
    """Show one version of the policy."""

    async def read(tx: Transaction) -> SavedPolicy:
        return await commands.read_version(tx, version)

    return resource(PolicyView.of(await serving(request).database.run(request_cause(request), read)))


@router.get("/policy/comparison", response_model=PolicyComparison)
async def compare_policy_versions(
    request: Request,
    _principal: Reader,
    from_version: Annotated[int, Query(alias="from", ge=0, description="The earlier version; 0 is none")],
    to_version: Annotated[int, Query(alias="to", ge=0, description="The later version")],
) -> Response:
    """Show which rules and circles two versions do not share."""

    async def read(tx: Transaction) -> PolicyComparison:
        before, after = [
            (await commands.read_version(tx, each)).policy if each else NO_POLICY
            for each in (from_version, to_version)
        ]
        changes = [
            ChangedRule(pointer=pointer, before=old, after=new)
            for pointer, old, new in differences(before, after)
        ]
        return PolicyComparison(from_version=from_version, to_version=to_version, changes=changes)

    return resource(await serving(request).database.run(request_cause(request), read))


@router.post("/policy/restore", response_model=PolicyView)
async def restore_policy(
    body: RestoreBody, principal: Writer, expected_version: MaybeIfMatch, write: Write
) -> Response:
    """Let an older version count again, as a new version."""

    async def command(tx: Transaction, now: datetime) -> SavedPolicy:
        return await commands.restore_policy(
            tx,
            body.version,
            author=principal.actor,
            note=body.note,
            expected_version=expected_version,
            now=now,
        )

    return await write(command, view=PolicyView.of)
