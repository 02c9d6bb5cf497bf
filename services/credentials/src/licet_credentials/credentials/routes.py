"""HTTP for credentials."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.http.paging import Page, PageQuery, page_of
from licet_chassis.http.resources import Body, IfMatch, MaybeIfMatch, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_credentials.access import EVERYONE, READ, WRITE
from licet_credentials.credentials import commands, store
from licet_credentials.credentials.commands import FlagCredential, RecordCredential, RenewCredential
from licet_credentials.credentials.model import CredentialFacts
from licet_credentials.credentials.renewal import RenewalRequest
from licet_credentials.credentials.store import CredentialFilter
from licet_credentials.credentials.views import CredentialOut, HistoryOut, RenewedOut, TermOut
from licet_credentials.inputs import (
    Code,
    Country,
    Day,
    DayOrInstant,
    Ladder,
    Line,
    Note,
    Reason,
    Subdivision,
    Zone,
    within_country,
)
from licet_events.catalogue import Category, RenewalBasis
from licet_events.credentials import Expiry, FlagKind, Validity

router = APIRouter(prefix="/v1/credentials", tags=["credentials"], dependencies=[EVERYONE])


class _Facts(Body):
    number: Line | None = None
    country: Country | None = None
    subdivision: Subdivision | None = None
    issuer: Line | None = None
    issued_on: Day | None = None
    notes: Note | None = None
    ladder: Ladder | None = None
    """Reminder steps of its own; null takes the type's."""


class CredentialIn(_Facts):
    """A credential to be recorded, with its first term."""

    holder_id: UUID
    type: Code
    name: Line | None = None
    """Where it is left out, the type's name."""
    valid_from: Day | None = None
    expires_on: Day | None = None
    expiry: Expiry | None = None
    """Where it is left out: dated with `expires_on`, never for a type that does not expire, else unknown."""
    time_zone: Zone | None = None
    """Where it is left out, the holder's location's, else the deployment's."""


class CredentialPatch(_Facts):
    """A merge patch (RFC 7396). Dates, expiry, zone, type and holder take a correction."""

    name: Line = Field(default_factory=str)


class RenewalIn(Body):
    """A renewal: an explicit date, or a rule, or nothing where the type says how."""

    expires_on: Day | None = None
    mode: RenewalBasis | None = None
    valid_from: Day | None = None
    completed_on: Day | None = None
    number: Line | None = None
    notes: Note | None = None
    image_ids: Annotated[tuple[UUID, ...], Field(max_length=20)] = ()
    force: bool = False
    reason: Reason | None = None
    """Needed with `force`, which renews before the window opens."""


class CorrectionIn(Body):
    """What was wrong, put right; what is left out stays."""

    term_id: UUID | None = None
    """Which term was wrong; where it is left out, the last."""
    valid_from: Day | None = None
    expires_on: Day | None = None
    expiry: Expiry = Field(default_factory=lambda: Expiry.DATED)
    time_zone: Zone = Field(default_factory=str)
    reason: Reason


class SubmissionIn(Body):
    """A renewal that was handed to its issuer."""

    quiet_until: DayOrInstant
    note: Note | None = None


class ActionIn(Body):
    """Why."""

    reason: Reason
    note: Note | None = None


class FlagIn(ActionIn):
    """Since when, and why."""

    effective_from: DayOrInstant | None = None
    """Where it is left out, now."""


class SuspensionIn(FlagIn):
    """Since when, until when, and why."""

    until: DayOrInstant | None = None


def _shown_now(request: Request) -> Any:
    now = serving(request).clock.now()
    return lambda credential: CredentialOut.of(credential, now)


@router.post("", status_code=201, response_model=CredentialOut, dependencies=[WRITE])
async def record(request: Request, body: CredentialIn, write: Write) -> Response:
    """Record a credential."""
    within_country(body.country, body.subdivision)
    said = body.model_dump()
    terms = {name: said.pop(name) for name in ("valid_from", "expires_on", "expiry", "time_zone")}
    command = RecordCredential(type=said.pop("type"), facts=CredentialFacts(**said), **terms)
    zone = serving(request).settings.default_time_zone
    return await write(
        lambda tx, now: commands.record_credential(tx, command, default_zone=zone, now=now),
        view=_shown_now(request),
        status=201,
        location=lambda credential: f"/v1/credentials/{credential.id}",
    )


def _filter(
    validity: Annotated[list[Validity] | None, Query()] = None,
    type: Code | None = None,
    category: Category | None = None,
    holder_id: UUID | None = None,
    team: Code | None = None,
    location: Code | None = None,
    country: Country | None = None,
    subdivision: Subdivision | None = None,
    expires_from: Day | None = None,
    expires_to: Day | None = None,
    q: Annotated[str | None, Query(max_length=200, description="part of name, number or holder")] = None,
) -> CredentialFilter:
    return CredentialFilter(
        validity=tuple(validity) if validity else None,
        type=type,
        category=category,
        holder_id=holder_id,
        team=team,
        location=location,
        country=country,
        subdivision=subdivision,
        expires_from=expires_from,
        expires_to=expires_to,
        q=q,
    )


@router.get("", dependencies=[READ])
async def list_(
    request: Request, wanted: Annotated[CredentialFilter, Depends(_filter)], page: PageQuery
) -> Page[CredentialOut]:
    """List credentials in the order of their entry, by their present validity; voided ones are left out."""
    now = serving(request).clock.now()
    async with serving(request).database.reading() as conn:
        rows = await store.list_credentials(
            conn, wanted, now=now, after=page.after(UUID), limit=page.limit + 1
        )
    return page_of(rows, page.limit, lambda row: row.id, lambda row: CredentialOut.of(row, now))


@router.get("/{credential_id}", response_model=CredentialOut, dependencies=[READ])
async def show(request: Request, credential_id: UUID) -> Response:
    """Show a credential."""
    async with serving(request).database.reading() as conn:
        credential = await store.read_credential(conn, credential_id)
    return resource(CredentialOut.of(credential, serving(request).clock.now()))


@router.patch("/{credential_id}", response_model=CredentialOut, dependencies=[WRITE])
async def update(
    request: Request, credential_id: UUID, body: CredentialPatch, expected: IfMatch, write: Write
) -> Response:
    """Change facts other than dates."""
    changes = body.model_dump(exclude_unset=True)
    return await write(
        lambda tx, now: commands.update_credential(
            tx, credential_id, changes, expected_version=expected, now=now
        ),
        view=_shown_now(request),
    )


@router.post("/{credential_id}/renewals", status_code=201, response_model=RenewedOut, dependencies=[WRITE])
async def renew(
    request: Request, credential_id: UUID, body: RenewalIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """Accept a new term; the answer says which rule gave which date."""
    asked = RenewalRequest(
        expires_on=body.expires_on,
        mode=body.mode,
        valid_from=body.valid_from,
        completed_on=body.completed_on,
        force=body.force,
        reason=body.reason,
    )
    command = RenewCredential(asked, body.number, body.notes, body.image_ids)
    now = serving(request).clock.now()
    return await write(
        lambda tx, now: commands.renew_credential(
            tx, credential_id, command, expected_version=expected, now=now
        ),
        view=lambda renewed: RenewedOut.of_renewal(*renewed, now),
        status=201,
        location=lambda renewed: f"/v1/credentials/{renewed[0].id}",
    )


@router.post("/{credential_id}/corrections", response_model=CredentialOut, dependencies=[WRITE])
async def correct(
    request: Request, credential_id: UUID, body: CorrectionIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """Put right a term's dates, expiry or zone."""
    corrections = body.model_dump(exclude_unset=True, exclude={"term_id", "reason"})
    return await write(
        lambda tx, now: commands.correct_credential(
            tx,
            credential_id,
            corrections,
            body.reason,
            term_id=body.term_id,
            expected_version=expected,
            now=now,
        ),
        view=_shown_now(request),
    )


@router.post("/{credential_id}/submissions", response_model=CredentialOut, dependencies=[WRITE])
async def submit(
    request: Request, credential_id: UUID, body: SubmissionIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """Note that a renewal was handed to its issuer; reminders rest until then."""
    return await write(
        lambda tx, now: commands.submit_renewal(
            tx, credential_id, body.quiet_until, body.note, expected_version=expected, now=now
        ),
        view=_shown_now(request),
    )


@router.post("/{credential_id}/suspend", response_model=CredentialOut, dependencies=[WRITE])
async def suspend(
    request: Request, credential_id: UUID, body: SuspensionIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """Suspend, with or without an end."""
    return await _flag(request, credential_id, FlagKind.SUSPENDED, body, expected, write, until=body.until)


@router.post("/{credential_id}/revoke", response_model=CredentialOut, dependencies=[WRITE])
async def revoke(
    request: Request, credential_id: UUID, body: FlagIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """Revoke, for good."""
    return await _flag(request, credential_id, FlagKind.REVOKED, body, expected, write)


@router.post("/{credential_id}/surrender", response_model=CredentialOut, dependencies=[WRITE])
async def surrender(
    request: Request, credential_id: UUID, body: FlagIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """Note that it was given up, or ended by its issuer without fault, for good."""
    return await _flag(request, credential_id, FlagKind.SURRENDERED, body, expected, write)


async def _flag(
    request: Request,
    credential_id: UUID,
    kind: FlagKind,
    body: FlagIn,
    expected: int | None,
    write: Any,
    until: Any = None,
) -> Response:
    command = FlagCredential(kind, body.reason, body.note, body.effective_from, until)
    answer: Response = await write(
        lambda tx, now: commands.flag_credential(
            tx, credential_id, command, expected_version=expected, now=now
        ),
        view=_shown_now(request),
    )
    return answer


@router.post("/{credential_id}/reinstate", response_model=CredentialOut, dependencies=[WRITE])
async def reinstate(
    request: Request, credential_id: UUID, body: ActionIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """End a suspension."""
    return await write(
        lambda tx, now: commands.reinstate_credential(
            tx, credential_id, body.reason, body.note, expected_version=expected, now=now
        ),
        view=_shown_now(request),
    )


@router.post("/{credential_id}/void", response_model=CredentialOut, dependencies=[WRITE])
async def void(
    request: Request, credential_id: UUID, body: ActionIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """Mark as entered in error."""
    return await write(
        lambda tx, now: commands.void_credential(
            tx, credential_id, body.reason, body.note, expected_version=expected, now=now
        ),
        view=_shown_now(request),
    )


@router.get("/{credential_id}/terms", dependencies=[READ])
async def terms(request: Request, credential_id: UUID) -> Page[TermOut]:
    """List every revision of every term, with the time during which it was believed."""
    async with serving(request).database.reading() as conn:
        await store.require_credential(conn, credential_id)
        rows = await store.read_terms(conn, credential_id)
    return Page(items=[TermOut.of(*row) for row in rows], next_cursor=None)


@router.get("/{credential_id}/history", dependencies=[READ])
async def history(request: Request, credential_id: UUID, page: PageQuery) -> Page[HistoryOut]:
    """List what happened, oldest first."""
    async with serving(request).database.reading() as conn:
        await store.require_credential(conn, credential_id)
        rows = await store.read_history(conn, credential_id, page.after(int) or 0, page.limit + 1)
    return page_of(rows, page.limit, lambda line: line.version, HistoryOut.of)
