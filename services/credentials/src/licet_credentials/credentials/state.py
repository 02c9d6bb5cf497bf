"""A credential as the contract tells it."""

from licet_credentials.credentials.model import Credential
from licet_events.credentials import CredentialState, FlagState, ImageReference, RunState, TermState


def state_of(credential: Credential) -> CredentialState:
    """Return the credential as the contract tells it."""
    return CredentialState(
        id=credential.id,
        version=credential.version,
        holder_id=credential.holder_id,
        type=credential.type,
        category=credential.category,
        name=credential.name,
        number=credential.number,
        country=credential.country,
        subdivision=credential.subdivision,
        issuer=credential.issuer,
        issued_on=credential.issued_on,
        terms=tuple(
            TermState(
                id=term.id,
                revision=term.revision,
                valid_from=term.valid_from,
                expires_on=term.expires_on,
                expiry=term.expiry,
                time_zone=term.time_zone,
                starts_at=term.starts_at,
                expires_at=term.expires_at,
                recorded_at=term.recorded_at,
                corrected_at=term.corrected_at,
                announce_reached=term.announce_reached,
            )
            for term in credential.terms
        ),
        runs=tuple(
            RunState(
                starts_at=run.starts_at,
                expiring_at=run.expiring_at,
                expires_at=run.expires_at,
                expires_on=run.expires_on,
                time_zone=run.time_zone,
                term_id=run.term_id,
                term_revision=run.term_revision,
            )
            for run in credential.runs
        ),
        flags=tuple(
            FlagState(
                id=flag.id,
                kind=flag.kind,
                effective_from=flag.effective_from,
                until=flag.until,
                reason=flag.reason,
            )
            for flag in credential.flags
        ),
        ladder=credential.ladder,
        grace_days=credential.grace_days,
        validity=credential.announced,
        voided=credential.voided,
        quiet_until=credential.quiet_until,
        images=tuple(
            ImageReference(id=image.id, kind=image.kind, sha256=image.sha256) for image in credential.images
        ),
        created_at=credential.created_at,
        updated_at=credential.updated_at,
    )
