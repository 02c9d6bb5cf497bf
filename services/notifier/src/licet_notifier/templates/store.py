"""Versions of templates, in the database."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_events.ids import uuid7
from licet_notifier.templates.catalogue import Catalogue
from licet_notifier.templates.model import Conditions, Reading, StepRange, TemplateVersion, Variant

QUERIES = load_queries(__package__)

_CATALOGUES: OrderedDict[tuple[str, frozenset[UUID]], Catalogue] = OrderedDict()
"""What this process has compiled, by the versions it is of: a version never changes."""
_KEPT = 4


@dataclass(frozen=True, slots=True)
class SavedVersion:
    """A saved version with who made it."""

    template: TemplateVersion
    author: str
    note: str | None
    restored_from: int | None
    created_at: datetime


async def current_catalogue(conn: Connection, default_language: str) -> Catalogue:
    """Return all templates as they count now; what was compiled before is used again."""
    newest = {row["id"] for row in await conn.fetch(QUERIES["newest_ids"])}
    key = (default_language, frozenset(newest))
    if key not in _CATALOGUES:
        rows = await conn.fetch(QUERIES["read_by_ids"], sorted(newest))
        saved = {row["event"]: _version(row).template for row in rows}
        # One of no variants is an event given back to the shipped ones.
        own = {event: each for event, each in saved.items() if each.variants}
        _CATALOGUES[key] = Catalogue(default_language, own)
        while len(_CATALOGUES) > _KEPT:
            _CATALOGUES.popitem(last=False)
    _CATALOGUES.move_to_end(key)
    return _CATALOGUES[key]


async def lock_event(conn: Connection, event: str) -> None:
    """Let one transaction at a time save an event's template."""
    await conn.execute(QUERIES["lock_event"], event)


async def newest_version(conn: Connection, event: str) -> SavedVersion | None:
    """Return what was saved last for an event."""
    row = await conn.fetchrow(QUERIES["newest_version"], event)
    return None if row is None else _version(row)


async def newest_versions(conn: Connection) -> dict[str, SavedVersion]:
    """Return what was saved last, by event."""
    ids = [row["id"] for row in await conn.fetch(QUERIES["newest_ids"])]
    rows = await conn.fetch(QUERIES["read_by_ids"], ids)
    return {row["event"]: _version(row) for row in rows}


async def read_version(conn: Connection, event: str, version: int) -> SavedVersion | None:
    """Return one version of an event."""
    row = await conn.fetchrow(QUERIES["read_version"], event, version)
    return None if row is None else _version(row)


async def list_versions(
    conn: Connection, event: str, *, before: int | None, limit: int
) -> Sequence[SavedVersion]:
    """Return versions of an event, newest first."""
    return [_version(row) for row in await conn.fetch(QUERIES["list_versions"], event, before, limit)]


async def insert_version(conn: Connection, saved: SavedVersion) -> None:
    """Keep a new version."""
    await conn.execute(
        QUERIES["insert_version"], uuid7(), saved.template.event, saved.template.version,
        json.dumps([_to_json(each) for each in saved.template.variants]), saved.author, saved.note,
        saved.restored_from, saved.created_at,
    )  # fmt: skip


def _version(row: Any) -> SavedVersion:
    variants = tuple(_variant(each) for each in json.loads(row["variants"]))
    template = TemplateVersion(row["event"], row["version"], variants)
    return SavedVersion(template, row["author"], row["note"], row["restored_from"], row["created_at"])


def _variant(kept: dict[str, Any]) -> Variant:
    steps, recipient = kept.get("steps"), kept.get("recipient")
    conditions = Conditions(
        language=kept.get("language"),
        recipient=Reading(recipient) if recipient else None,
        type=kept.get("type"),
        steps=StepRange(*steps) if steps else None,
        channel=kept.get("channel"),
    )
    return Variant(conditions, kept["subject"], kept["text"], kept["html"])


def _to_json(variant: Variant) -> dict[str, Any]:
    conditions = variant.conditions
    kept: dict[str, Any] = {
        "language": conditions.language,
        "recipient": conditions.recipient,
        "type": conditions.type,
        "steps": [conditions.steps.low, conditions.steps.high] if conditions.steps else None,
        "channel": conditions.channel,
    }
    return {name: value for name, value in kept.items() if value is not None} | {
        "subject": variant.subject,
        "text": variant.text,
        "html": variant.html,
    }
