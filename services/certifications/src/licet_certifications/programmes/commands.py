"""Defining programmes, drafting their versions, publishing and retiring them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from licet_certifications.facts import store as facts
from licet_certifications.facts.model import TypeFacts
from licet_certifications.programmes import checking, store
from licet_certifications.programmes.model import (
    Definition,
    Programme,
    Version,
    VersionState,
    programme_state,
)
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, Invalid, require_version
from licet_events.catalogue import ProgrammeChanged, ProgrammeSnapshot


async def define_programme(
    tx: Transaction, code: str, name: str, credential_type: str | None, *, now: datetime
) -> Programme:
    """Define a programme, as yet without a version.

    Raises `Conflict` where the code is taken, in whatever case, and `Invalid` for a type that is retired.
    """
    await _require_type(tx.conn, credential_type, known=False)
    programme = Programme(code, 1, name, credential_type, created_at=now, updated_at=now)
    if not await store.insert_programme(tx.conn, programme):
        raise Conflict(
            f"There is a programme {code} already; codes are the same whatever the case of their letters.",
            pointer="/code",
        )
    await _publish(tx, programme, None, now)
    return programme


async def change_programme(
    tx: Transaction, code: str, changes: Mapping[str, Any], *, expected_version: int, now: datetime
) -> Programme:
    """Change a programme; the same again changes and publishes nothing.

    Raises `NotFound`, `StaleVersion`, and `Invalid` for a type that is retired.
    """
    before = await store.lock_programme(tx.conn, code)
    require_version(expected_version, before.version)
    after = replace(before, **changes)
    if after == before:
        return before
    if after.credential_type != before.credential_type:
        await _require_type(tx.conn, after.credential_type, known=False)
    return await _advance(tx, after, now)


async def draft_version(tx: Transaction, code: str, definition: Definition, *, now: datetime) -> Version:
    """Draft the next version; raises `NotFound`, and `Invalid` for what makes no sense."""
    programme = await store.lock_programme(tx.conn, code)
    await _require_sense(tx.conn, programme, definition, known=False)
    number = await store.last_number(tx.conn, code) + 1
    version = Version(code, number, 1, VersionState.DRAFT, definition, created_at=now, updated_at=now)
    await store.save_version(tx.conn, version)
    return version


async def change_draft(
    tx: Transaction, code: str, number: int, definition: Definition, *, expected_version: int, now: datetime
) -> Version:
    """Replace what a draft says.

    Raises `NotFound`, `StaleVersion`, `Invalid`, and `Conflict` for a version that is no draft any more.
    """
    programme = await store.lock_programme(tx.conn, code)
    before = await store.read_version(tx.conn, code, number)
    require_version(expected_version, before.version)
    if before.state is not VersionState.DRAFT:
        raise Conflict(
            f"Version {number} of {code} is {before.state} and never changes; draft a new version."
        )
    if definition == before.definition:
        return before
    await _require_sense(tx.conn, programme, definition, known=False)
    after = replace(before, definition=definition, version=before.version + 1, updated_at=now)
    await store.save_version(tx.conn, after)
    return after


async def publish_version(tx: Transaction, code: str, number: int, *, now: datetime) -> Version:
    """Make a draft what new enrolments use; from now on it never changes.

    Raises `NotFound`; `Invalid` where what it rests on has gone, such as a type that was retired; and
    `Conflict` where it is no draft, or a later version was published before it.
    """
    programme = await store.lock_programme(tx.conn, code)
    draft = await store.read_version(tx.conn, code, number)
    if draft.state is not VersionState.DRAFT:
        raise Conflict(f"Version {number} of {code} is {draft.state} already.")
    newest = await store.newest_published(tx.conn, code)
    if newest is not None and newest.number > number:
        raise Conflict(
            f"Version {newest.number} of {code} is published already, so version {number} would never be "
            "used; draft a new version that says the same."
        )
    await _require_sense(tx.conn, programme, draft.definition, known=True)
    await _require_a_way_in(tx.conn, code, draft.definition)
    published = replace(
        draft, state=VersionState.PUBLISHED, version=draft.version + 1, updated_at=now, published_at=now
    )
    await store.save_version(tx.conn, published)
    await store.insert_sources(tx.conn, published)
    await _change_version_in_use(tx, programme, newest, now)
    return published


async def retire_version(tx: Transaction, code: str, number: int, *, now: datetime) -> Version:
    """Take a version out of use; enrolments that are on it go on.

    New enrolments then use the published version with the highest number, if there is one. A draft that is
    retired was never used. Raises `NotFound`, and `Conflict` where it is retired already.
    """
    programme = await store.lock_programme(tx.conn, code)
    before = await store.read_version(tx.conn, code, number)
    if before.state is VersionState.RETIRED:
        raise Conflict(f"Version {number} of {code} is retired already.")
    retired = replace(
        before, state=VersionState.RETIRED, version=before.version + 1, updated_at=now, retired_at=now
    )
    used = await store.newest_published(tx.conn, code)
    await store.save_version(tx.conn, retired)
    if before.state is VersionState.PUBLISHED:
        await _change_version_in_use(tx, programme, used, now)
    return retired


async def programme_snapshots(
    conn: Connection, after: str | None, limit: int
) -> tuple[list[ProgrammeSnapshot], str | None]:
    """Return a page of a backfill, and where the next one begins."""
    programmes = await store.lock_page(conn, after, limit)
    used = await store.newest_of(conn, [programme.code for programme in programmes])
    snapshots = [
        ProgrammeSnapshot(programme=programme_state(programme, used.get(programme.code)))
        for programme in programmes
    ]
    return snapshots, programmes[-1].code if len(programmes) == limit else None


async def _change_version_in_use(
    tx: Transaction, programme: Programme, before: Version | None, now: datetime
) -> None:
    """Tell which version new enrolments use, and have those found whom its rules of entry name anew."""
    await _advance(tx, programme, now)
    after = await store.newest_published(tx.conn, programme.code)
    if after is None:
        return
    known = () if before is None else before.definition.entry.triggers
    triggers = [each for each in after.definition.entry.triggers if each not in known]
    if triggers:
        await store.note_rules(tx.conn, after, triggers)


async def _advance(tx: Transaction, programme: Programme, now: datetime) -> Programme:
    after = replace(programme, version=programme.version + 1, updated_at=now)
    await store.update_programme(tx.conn, after)
    await _publish(tx, after, await store.newest_published(tx.conn, after.code), now)
    return after


async def _publish(tx: Transaction, programme: Programme, used: Version | None, now: datetime) -> None:
    await tx.publish(ProgrammeChanged(programme=programme_state(programme, used)), now=now)


async def _require_sense(
    conn: Connection, programme: Programme, definition: Definition, *, known: bool
) -> None:
    checking.require_sense(definition, programme=programme.code)
    await _require_type(
        conn, definition.credential_type, known=known, recertifies=definition.recertification is not None
    )
    required = definition.entry.required_programmes
    for code in await store.missing_programmes(conn, required):
        raise Invalid(
            f"There is no programme {code}, so nobody could meet it; define it first or leave it out.",
            pointer=f"/entry/required_programmes/{required.index(code)}",
        )


async def _require_type(
    conn: Connection, name: str | None, *, known: bool, recertifies: bool = False
) -> None:
    found: TypeFacts | None = None if name is None else await facts.find_type(conn, name)
    checking.require_type(name, found, known=known, recertifies=recertifies)


async def _require_a_way_in(conn: Connection, code: str, definition: Definition) -> None:
    used = await store.all_newest_published(conn)
    needs: dict[str, Sequence[str]] = {
        version.programme: version.definition.entry.required_programmes for version in used
    }
    checking.require_a_way_in(code, needs | {code: definition.entry.required_programmes})
