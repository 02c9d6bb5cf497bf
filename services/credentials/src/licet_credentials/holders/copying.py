"""Writing many new holders at once, by COPY: the same rows as `store.save_holders` writes."""

from collections.abc import Sequence
from operator import attrgetter

import asyncpg

from licet_chassis.connection import Connection
from licet_credentials.errors import ExternalIdTaken
from licet_credentials.holders.changes import HolderChange
from licet_credentials.holders.model import Holder
from licet_credentials.rows import jsonb

_COLUMNS = tuple(name for name in Holder.__slots__ if name != "attributes")
_HISTORY = ("holder_id", "version", "event_type", "changed", "reason", "note", "actor", "at")
_row = attrgetter(*_COLUMNS)


async def copy_new(conn: Connection, changes: Sequence[HolderChange], *, actor: str) -> None:
    """Write new holders and their history by COPY.

    Raises `ExternalIdTaken` if another transaction entered one of the external ids at the same moment.
    """
    if not changes:
        return
    try:
        await conn.copy_records_to_table(
            "holders",
            records=[(*_row(change.holder), jsonb(dict(change.holder.attributes))) for change in changes],
            columns=(*_COLUMNS, "attributes"),
        )
    except asyncpg.UniqueViolationError as error:
        raise ExternalIdTaken(changes[0].holder.external_id or "", None) from error
    await conn.copy_records_to_table(
        "holder_history",
        records=[
            (
                change.holder.id,
                change.holder.version,
                change.event.event_type,
                change.changed,
                change.reason,
                change.note,
                actor,
                change.holder.updated_at,
            )
            for change in changes
        ],
        columns=_HISTORY,
    )
