"""The notice of a step that has not been announced, so that it can be decided and rendered. Pure."""

from datetime import datetime, timedelta
from uuid import UUID

from licet_chassis.errors import Invalid
from licet_events.civil import ends_at, starts_at
from licet_notifier.facts.model import Credential, Notice

_NOBODY = UUID(int=0)


def event_of(step: int | None) -> str:
    """Return the event that announces a step; the end itself has none."""
    if step is None:
        return "credential.expired"
    return "credential.expiring" if step >= 0 else "credential.overdue"


def notice_of(credential: Credential, step: int | None, now: datetime) -> Notice:
    """Return the notice of a step of the credential's current run; raises `Invalid` where it never ends."""
    run = credential.current_run(now)
    if run is None or run.expires_on is None or run.last_day is None:
        raise Invalid("This credential has no end, so it has no steps.", pointer="/credential_id")
    if step is None:
        at = ends_at(run.expires_on, run.time_zone, run.ending)
    else:
        at = starts_at(run.last_day - timedelta(days=step), run.time_zone)
    return Notice(
        event_id=_NOBODY,
        event_name=f"licet.{event_of(step)}.v1",
        credential_id=credential.id,
        holder_id=credential.holder_id,
        credential_version=credential.version,
        term_id=run.term_id,
        term_revision=run.term_revision,
        at=at,
        notify=True,
        expires_on=run.expires_on,
        time_zone=run.time_zone,
        step=step,
        correlation_id="",
        traceparent=None,
    )
