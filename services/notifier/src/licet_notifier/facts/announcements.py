"""Notices from what the scheduler announces."""

from typing import TypeAlias

from licet_events import Event
from licet_events.schedule import CredentialExpired, CredentialExpiring, CredentialOverdue
from licet_notifier.facts.model import Notice

Announced: TypeAlias = CredentialExpiring | CredentialExpired | CredentialOverdue


def notice_of(event: Event[Announced]) -> Notice:
    """Return what the event asks for."""
    data = event.data
    return Notice(
        event_id=event.id,
        event_name=data.event_type,
        credential_id=data.credential_id,
        holder_id=data.holder_id,
        credential_version=data.credential_version,
        term_id=data.term_id,
        term_revision=data.term_revision,
        at=data.at,
        notify=data.notify,
        expires_on=data.expires_on,
        time_zone=data.time_zone,
        step=None if isinstance(data, CredentialExpired) else data.step,
        correlation_id=event.correlation_id,
        traceparent=event.traceparent,
        next_at=data.next_at,
    )
