"""Templates over HTTP: what counts for an event, saving, versions, comparing, restoring."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from licet_chassis.database import Transaction
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.problems import Unprocessable
from licet_chassis.http.requests import request_cause
from licet_chassis.http.resources import MaybeIfMatch, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_notifier.facts.mails import EVENTS
from licet_notifier.templates import commands, store
from licet_notifier.templates.bodies import RestoreBody, TemplateBody
from licet_notifier.templates.model import Variant
from licet_notifier.templates.shipping import shipped_variants
from licet_notifier.templates.store import SavedVersion
from licet_notifier.templates.views import (
    PartDifference,
    TemplateComparison,
    TemplateSummary,
    TemplateVersionView,
    TemplateView,
)

router = APIRouter(prefix="/v1", tags=["templates"])

Reader = Annotated[Principal, requires("notifications:read")]
Writer = Annotated[Principal, requires("notifications:write", everyone=True)]


def default_language(request: Request) -> str:
    """Return the deployment's language, which the service puts beside its runtime."""
    language: str = request.app.state.post.deployment.language
    return language


async def refuse_bad(
    event: str, variants: Sequence[Variant], language: str, pointer: str = "/variants"
) -> None:
    """Raise the 422 that names everything that is wrong with variants, with its line and column."""
    # Rendering is bounded, but may take its time: other requests and the mail loop go on meanwhile.
    found = await asyncio.to_thread(lambda: list(commands.problems_of(event, variants, language)))
    if found:
        errors: list[dict[str, str | int]] = [
            {
                "pointer": f"{pointer}/{position}" + (f"/{each.part}" if each.part else ""),
                "detail": each.sentence,
                **({"line": each.line, "column": each.column or 1} if each.line is not None else {}),
            }
            for position, each in found
        ]
        raise Unprocessable(f"The template can't be saved: {errors[0]['detail']}.", errors=errors)


@router.get("/templates", response_model=Page[TemplateSummary], responses=CSV_TOO)
async def list_templates(request: Request, _principal: Reader, page: PageQuery) -> Response:
    """List the events that have mails, each with the variants that count for it."""

    async def read(asked: PageRequest) -> Page[TemplateSummary]:
        after = asked.after(str) or ""
        async with serving(request).database.reading() as conn:
            saved = await store.newest_versions(conn)
        events = [event for event in sorted(EVENTS) if event > after][: asked.limit + 1]
        return page_of(
            events,
            asked.limit,
            lambda event: event,
            lambda event: TemplateSummary.of(event, saved.get(event)),
        )

    return await listed(request, page, read, TemplateSummary)


@router.get("/templates/{event}", response_model=TemplateView)
async def show_template(request: Request, _principal: Reader, event: str) -> Response:
    """Show your own variants of an event, the shipped ones, and the names and filters they may use."""
    commands.require_event(event)
    async with serving(request).database.reading() as conn:
        return resource(TemplateView.of(event, await store.newest_version(conn, event)))


@router.put("/templates/{event}", response_model=TemplateView)
async def put_template(
    request: Request,
    event: str,
    body: TemplateBody,
    principal: Writer,
    expected_version: MaybeIfMatch,
    write: Write,
) -> Response:
    """Let variants of your own count for an event from now on, over the shipped ones.

    The most specific variant in the reader's language counts: your own before the shipped, then the one that
    names most of type, recipient, steps and channel. Mails in hand keep the words they were begun with.
    """
    commands.require_event(event)
    variants = [each.variant() for each in body.variants]
    await refuse_bad(event, variants, default_language(request))
    if body.dry_run:
        async with serving(request).database.reading() as conn:
            return resource(TemplateView.of(event, await store.newest_version(conn, event)))

    async def command(tx: Transaction, now: datetime) -> SavedVersion:
        return await commands.save_template(
            tx,
            event,
            variants,
            author=principal.actor,
            note=body.note,
            expected_version=expected_version,
            now=now,
        )

    return await write(command, view=lambda saved: TemplateView.of(event, saved))


@router.get("/templates/{event}/versions", response_model=Page[TemplateVersionView], responses=CSV_TOO)
async def list_template_versions(
    request: Request, _principal: Reader, event: str, page: PageQuery
) -> Response:
    """List the versions of an event's template, newest first, each with its author and note."""
    commands.require_event(event)

    async def read(asked: PageRequest) -> Page[TemplateVersionView]:
        async with serving(request).database.reading() as conn:
            rows = await store.list_versions(conn, event, before=asked.after(int), limit=asked.limit + 1)
        return page_of(rows, asked.limit, lambda row: row.template.version, TemplateVersionView.of)

    return await listed(request, page, read, TemplateVersionView)


@router.get("/templates/{event}/versions/{version}", response_model=TemplateVersionView)
async def show_template_version(request: Request, _principal: Reader, event: str, version: int) -> Response:
    """Show one version of an event's template."""

    async def read(tx: Transaction) -> SavedVersion:
        return await commands.read_version(tx, event, version)

    found = await serving(request).database.run(request_cause(request), read)
    return resource(TemplateVersionView.of(found))


@router.get("/templates/{event}/comparison", response_model=TemplateComparison)
async def compare_template_versions(
    request: Request,
    _principal: Reader,
    event: str,
    from_version: Annotated[int, Query(alias="from", ge=0, description="The earlier; 0 is the shipped one")],
    to_version: Annotated[int, Query(alias="to", ge=0, description="The later; 0 is the shipped one")],
) -> Response:
    """Show what changed between two versions, as a unified diff of each part."""
    commands.require_event(event)

    async def read(tx: Transaction) -> TemplateComparison:
        before, after = [
            (await commands.read_version(tx, event, each)).template.variants
            if each
            else shipped_variants(event)
            for each in (from_version, to_version)
        ]
        changes = [
            PartDifference(variant=label, part=part, diff=diff)
            for label, part, diff in commands.differences(before, after)
        ]
        return TemplateComparison(
            event=event, from_version=from_version, to_version=to_version, changes=changes
        )

    return resource(await serving(request).database.run(request_cause(request), read))


@router.post("/templates/{event}/restore", response_model=TemplateView)
async def restore_template(
    request: Request,
    event: str,
    body: RestoreBody,
    principal: Writer,
    expected_version: MaybeIfMatch,
    write: Write,
) -> Response:
    """Let an older version count again, as a new version."""
    commands.require_event(event)

    async def find(tx: Transaction) -> SavedVersion:
        return await commands.version_to_restore(tx, event, body.version)

    older = await serving(request).database.run(request_cause(request), find)
    await refuse_bad(event, older.template.variants, default_language(request))

    async def command(tx: Transaction, now: datetime) -> SavedVersion:
        return await commands.save_template(
            tx,
            event,
            older.template.variants,
            author=principal.actor,
            note=body.note or older.note,
            expected_version=expected_version,
            now=now,
            restored_from=body.version,
        )

    return await write(command, view=lambda saved: TemplateView.of(event, saved))
