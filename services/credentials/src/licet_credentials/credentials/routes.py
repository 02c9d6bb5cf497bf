"""HTTP for credentials."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.http.resources import IfMatch, MaybeIfMatch, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_credentials.access import READ, WRITE, writes
from licet_credentials.credentials import store
from licet_credentials.credentials.bodies import (
    ActionIn,
    CorrectionIn,
    CredentialIn,
    CredentialPatch,
    FlagIn,
    RenewalIn,
    SubmissionIn,
    SuspensionIn,
    TermIn,
    printed_end,
)
from licet_credentials.credentials.commands import submitting
from licet_credentials.credentials.commands.correcting import (
    RecordTerm,
    correct_credential,
    record_missing_term,
    void_credential,
)
from licet_credentials.credentials.commands.flagging import (
    FlagCredential,
    flag_credential,
    reinstate_credential,
)
from licet_credentials.credentials.commands.recording import (
    RecordCredential,
    record_credential,
    update_credential,
)
from licet_credentials.credentials.commands.renewing import RenewCredential, renew_credential
from licet_credentials.credentials.model import CredentialFacts
from licet_credentials.credentials.renewal import RenewalRequest
from licet_credentials.credentials.verification import Check
from licet_credentials.credentials.views import CredentialOut, RenewedOut
from licet_credentials.inputs import within_country
from licet_events.credentials import FlagKind

router = APIRouter(prefix="/v1/credentials", tags=["credentials"])


def _view_now(request: Request) -> Any:
    now = serving(request).clock.now()
    return lambda credential: CredentialOut.of(credential, now)


@router.post("", status_code=201, response_model=CredentialOut, dependencies=[writes("/holder_id")])
async def record(request: Request, body: CredentialIn, write: Write) -> Response:
    """Record a credential."""
    within_country(body.country, body.subdivision)
    facts = body.model_dump()
    terms = {
        name: facts.pop(name)
        for name in ("valid_from", "completed_on", "unusual", "another", "expiry", "time_zone")
    }
    terms |= printed_end(facts.pop("expires_on"), facts.pop("expires_on_month"))
    command = RecordCredential(type=facts.pop("type"), facts=CredentialFacts(**facts), **terms)
    zone = serving(request).settings.default_time_zone
    return await write(
        lambda tx, now: record_credential(tx, command, default_zone=zone, now=now),
        view=_view_now(request),
        status=201,
        location=lambda credential: f"/v1/credentials/{credential.id}",
    )


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
    changes = body.given()
    return await write(
        lambda tx, now: update_credential(tx, credential_id, changes, expected_version=expected, now=now),
        view=_view_now(request),
    )


_TERM_MADE: dict[int | str, dict[str, Any]] = {
    409: {
        "description": "The state of the credential does not allow it. Where it repeats the one before "
        "(`urn:licet:problem:already-renewed`), the member `term` is the term just made: `id`, `valid_from`, "
        "`expires_on`, `completed_on` and `recorded_at`",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
    }
}


@router.post(
    "/{credential_id}/renewals",
    status_code=201,
    response_model=RenewedOut,
    dependencies=[WRITE],
    responses=_TERM_MADE,
)
async def renew(
    request: Request, credential_id: UUID, body: RenewalIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """Renew: append a term. The answer names the rule that gave each date."""
    renewal = RenewalRequest(
        **printed_end(body.expires_on, body.expires_on_month),
        unusual=body.unusual,
        mode=body.mode,
        valid_from=body.valid_from,
        completed_on=body.completed_on,
        force=body.force,
        reason=body.reason,
    )
    check = None if body.verification is None else Check(**body.verification.model_dump())
    command = RenewCredential(renewal, body.number, body.notes, body.image_ids, check)
    now = serving(request).clock.now()
    return await write(
        lambda tx, now: renew_credential(tx, credential_id, command, expected_version=expected, now=now),
        view=lambda renewed: RenewedOut.of_renewal(*renewed, now),
        status=201,
        location=lambda renewed: f"/v1/credentials/{renewed[0].id}",
    )


@router.post(
    "/{credential_id}/corrections", response_model=CredentialOut, dependencies=[writes("/holder_id")]
)
async def correct(
    request: Request, credential_id: UUID, body: CorrectionIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """Correct what was entered wrong: a term, a flag, the type, or the holder."""
    correction = body.correction()
    return await write(
        lambda tx, now: correct_credential(
            tx, credential_id, correction, note=body.note, expected_version=expected, now=now
        ),
        view=_view_now(request),
    )


@router.post("/{credential_id}/terms", status_code=201, response_model=CredentialOut, dependencies=[WRITE])
async def record_term(
    request: Request, credential_id: UUID, body: TermIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """Record a missing term, before or between the recorded ones."""
    term = body.model_dump()
    note = term.pop("note")
    term |= printed_end(term["expires_on"], term.pop("expires_on_month"))
    command = RecordTerm(**term)
    return await write(
        lambda tx, now: record_missing_term(
            tx, credential_id, command, note=note, expected_version=expected, now=now
        ),
        view=_view_now(request),
        status=201,
        location=lambda credential: f"/v1/credentials/{credential.id}",
    )


@router.post("/{credential_id}/submissions", response_model=CredentialOut, dependencies=[WRITE])
async def submit(
    request: Request, credential_id: UUID, body: SubmissionIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """Record that a renewal was submitted to its issuer; reminders are quiet until `quiet_until`."""
    return await write(
        lambda tx, now: submitting.submit_renewal(
            tx, credential_id, body.quiet_until, body.note, expected_version=expected, now=now
        ),
        view=_view_now(request),
    )


async def _act(
    request: Request, credential_id: UUID, command: Any, body: ActionIn, expected: int | None, write: Any
) -> Response:
    answer: Response = await write(
        lambda tx, now: command(
            tx, credential_id, body.reason, body.note, expected_version=expected, now=now
        ),
        view=_view_now(request),
    )
    return answer


@router.post("/{credential_id}/submissions/end", response_model=CredentialOut, dependencies=[WRITE])
async def end_submission(
    request: Request, credential_id: UUID, body: ActionIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """Record that the issuer returned the renewal, or that it was withdrawn; reminders resume."""
    return await _act(request, credential_id, submitting.end_submission, body, expected, write)


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
    """Revoke; only a correction undoes it."""
    return await _flag(request, credential_id, FlagKind.REVOKED, body, expected, write)


@router.post("/{credential_id}/surrender", response_model=CredentialOut, dependencies=[WRITE])
async def surrender(
    request: Request, credential_id: UUID, body: FlagIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """Record that it was given up, or ended by its issuer without fault; only a correction undoes it."""
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
        lambda tx, now: flag_credential(tx, credential_id, command, expected_version=expected, now=now),
        view=_view_now(request),
    )
    return answer


@router.post("/{credential_id}/reinstate", response_model=CredentialOut, dependencies=[WRITE])
async def reinstate(
    request: Request, credential_id: UUID, body: ActionIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """End a suspension."""
    return await _act(request, credential_id, reinstate_credential, body, expected, write)


@router.post("/{credential_id}/void", response_model=CredentialOut, dependencies=[WRITE])
async def void(
    request: Request, credential_id: UUID, body: ActionIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """Mark as entered in error."""
    return await _act(request, credential_id, void_credential, body, expected, write)
