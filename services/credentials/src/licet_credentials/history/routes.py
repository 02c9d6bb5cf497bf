"""HTTP for history."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import BOM_DESCRIPTION, Page, PageQuery, PageRequest, page_of
from licet_chassis.http.serving import serving
from licet_credentials.access import READ, ReaderSees
from licet_credentials.credentials.store import read_credential, require_credential
from licet_credentials.credentials.views import TermOut, lapse_days
from licet_credentials.history import store
from licet_credentials.history.model import HeldCredential, HistoryLine, held_on
from licet_credentials.holders import store as holder_store
from licet_credentials.inputs import Day, Instant
from licet_events.civil import local_date
from licet_events.credentials import Validity

router = APIRouter(prefix="/v1", tags=["history"])


class HistoryOut(BaseModel):
    """A change of a credential."""

    version: int
    event_type: str
    at: datetime
    actor: str
    reason: str | None
    note: str | None
    details: Mapping[str, Any]

    @classmethod
    def of(cls, line: HistoryLine) -> "HistoryOut":
        """Show a line of history."""
        return cls(**{name: getattr(line, name) for name in cls.model_fields})


class DayChange(BaseModel):
    """A change of validity within the day."""

    at: datetime
    validity: Validity
    reason: str


class HeldOut(BaseModel):
    """A credential as it was held on a day."""

    credential_id: UUID
    type: str
    name: str
    number: str | None
    validity: Validity
    """At the first instant of the day in its zone."""
    changes: list[DayChange]
    """How it changed within the day."""
    valid_from: date
    """The first day of the run of terms that covers the day."""
    expires_on: date | None
    """The expiry date that the document prints."""
    expires_on_month: str | None
    """YYYY-MM where the document prints only the month; `expires_on` is then its last day."""
    expires_at: datetime | None
    """The instant from which it is no longer valid, by `term.expires_at_rule`."""
    time_zone: str
    term: TermOut
    """The term whose end is the run's."""

    @classmethod
    def of(cls, held: HeldCredential) -> "HeldOut":
        """Show a credential as it was held."""
        known, run = held.credential, held.run
        term = next(term for term in known.terms if term.id == run.term_id)
        return cls(
            credential_id=known.id,
            type=known.type,
            name=known.name,
            number=known.number,
            validity=held.validity,
            changes=[DayChange(at=each.at, validity=each.after, reason=each.reason) for each in held.changes],
            valid_from=local_date(run.starts_at, run.time_zone),
            expires_on=run.expires_on,
            expires_on_month=run.expires_on_month,
            expires_at=run.expires_at,
            time_zone=run.time_zone,
            term=TermOut.of(term, images=known.images),
        )


@router.get(
    "/holders/{holder_id}/credentials",
    response_model=Page[HeldOut],
    responses=CSV_TOO,
)
async def held(
    request: Request,
    holder_id: UUID,
    page: PageQuery,
    sees: ReaderSees,
    on: Annotated[Day | None, Query(description="the day; where it is left out, today")] = None,
    known_at: Annotated[
        Instant | None, Query(description="by what was known then; where it is left out, today")
    ] = None,
) -> Response:
    """List a holder's credentials on a day, in each one's zone, by present or past knowledge."""
    running = serving(request)
    now = running.clock.now()
    day = on or local_date(now, running.settings.default_time_zone)

    async def read(asked: PageRequest) -> Page[HeldOut]:
        async with running.database.reading() as conn:
            await holder_store.read_holder(conn, holder_id)
            known = await store.known_of_holder(
                conn,
                holder_id,
                min(known_at or now, now),
                sees=sees,
                after=asked.after(UUID),
                limit=asked.limit + 1,
            )
        found = page_of(known, asked.limit, lambda credential: credential.id, lambda each: held_on(each, day))
        return Page(
            items=[HeldOut.of(each) for each in found.items if each is not None],
            next_cursor=found.next_cursor,
        )

    return await listed(request, page, read, HeldOut)


@router.get(
    "/credentials/{credential_id}/terms",
    response_model=Page[TermOut],
    dependencies=[READ],
    responses=CSV_TOO,
)
async def terms(
    request: Request,
    credential_id: UUID,
    bom: Annotated[bool, Query(description=BOM_DESCRIPTION)] = False,
) -> Response:
    """List every revision of every term, with the interval in which it was recorded."""

    async def read(_asked: PageRequest) -> Page[TermOut]:
        async with serving(request).database.reading() as conn:
            credential = await read_credential(conn, credential_id)
            rows = await store.read_terms(conn, credential_id)
        lapses = lapse_days(credential)
        items = [
            TermOut.of(
                term,
                known_from,
                known_until,
                images=credential.images,
                lapse_days=lapses.get(term.id, 0) if known_until is None else None,
            )
            for term, known_from, known_until in rows
        ]
        return Page(items=items, next_cursor=None)

    return await listed(request, PageRequest(bom=bom), read, TermOut)


@router.get(
    "/credentials/{credential_id}/history",
    response_model=Page[HistoryOut],
    responses=CSV_TOO,
)
async def history(request: Request, credential_id: UUID, page: PageQuery, sees: ReaderSees) -> Response:
    """List every change of a credential, oldest first."""

    async def read(asked: PageRequest) -> Page[HistoryOut]:
        async with serving(request).database.reading() as conn:
            await require_credential(conn, credential_id)
            after = asked.after(int) or 0
            rows = await store.read_history(conn, credential_id, after, asked.limit + 1, sees=sees)
        return page_of(rows, asked.limit, lambda line: line.version, HistoryOut.of)

    return await listed(request, page, read, HistoryOut)
