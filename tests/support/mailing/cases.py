"""Facts, notices and events for tests of the notifier: one forklift licence that ends on 30 June 2027."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from licet_events import Event, EventData
from licet_events.catalogue import Category
from licet_events.civil import expires_at, starts_at
from licet_events.credentials import CredentialState, Expiry, RunState, TermState, Validity
from licet_events.holders import HolderKind, HolderState
from licet_events.schedule import CredentialExpired, CredentialExpiring, CredentialOverdue
from licet_notifier.facts.model import Credential, Facts, Holder, Notice, Place, Run
from licet_notifier.notifications.model import Deployment

ZONE = "Europe/Berlin"
STARTS_ON, EXPIRES_ON = date(2026, 7, 1), date(2027, 6, 30)
HOLDER_ID, MANAGER_ID = UUID(int=1), UUID(int=2)
CREDENTIAL_ID, TERM_ID = UUID(int=3), UUID(int=4)
MORNING = datetime(2027, 5, 31, 7, 0, tzinfo=UTC)
"""09:00 in Berlin, 30 days before the end."""
DEPLOYMENT = Deployment("UTC", "fallback@example.org")
CREATED = datetime(2026, 7, 1, tzinfo=UTC)


def holder(**changes: Any) -> Holder:
    """The holder, Ada."""
    ada = Holder(
        HOLDER_ID, 1, "Ada Beispiel", "ada@example.org", ZONE, "east", "ber", MANAGER_ID, active=True
    )
    return replace(ada, **changes)


def manager(**changes: Any) -> Holder:
    """Ada's manager, Max."""
    max_ = Holder(MANAGER_ID, 1, "Max Leiter", "max@example.org", ZONE, "east", "ber", None, active=True)
    return replace(max_, **changes)


def run(**changes: Any) -> Run:
    """The only run."""
    return replace(Run(starts_at(STARTS_ON, ZONE), EXPIRES_ON, TERM_ID, 1), **changes)


def credential(**changes: Any) -> Credential:
    """The licence."""
    licence = Credential(
        CREDENTIAL_ID, 1, HOLDER_ID, "forklift", "Forklift licence", "FL-4711", {TERM_ID: 1}, (run(),), (),
        voided=False, quiet_until=None,
    )  # fmt: skip
    return replace(licence, **changes)


def facts(**changes: Any) -> Facts:
    """Everything in order."""
    place = Place("ber", "Berlin", ZONE, None)
    found = Facts(
        holder(), credential(), "Forklift", manager(), Place("east", "East", None, None), place, place, None
    )
    return replace(found, **changes)


def notice(**changes: Any) -> Notice:
    """30 days left."""
    thirty = Notice(
        UUID(int=9), CredentialExpiring.event_type, CREDENTIAL_ID, HOLDER_ID, 1, TERM_ID, 1,
        starts_at(EXPIRES_ON - timedelta(days=30), ZONE), notify=True, expires_on=EXPIRES_ON, time_zone=ZONE,
        step=30, correlation_id="0190-conversation",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )  # fmt: skip
    return replace(thirty, **changes)


def holder_state(id: UUID, **changes: Any) -> HolderState:
    """A holder as an event carries it."""
    state: dict[str, Any] = {
        "id": id, "version": 1, "kind": HolderKind.EMPLOYEE, "name": "Ada Beispiel",
        "email": "ada@example.org", "time_zone": ZONE, "created_at": CREATED, "updated_at": CREATED,
    }  # fmt: skip
    return HolderState(**(state | changes))


def credential_state(
    id: UUID, holder_id: UUID, expires_on: date = EXPIRES_ON, **changes: Any
) -> CredentialState:
    """A credential with one term, as an event carries it."""
    term_id: UUID = changes.pop("term_id", None) or uuid4()
    revision: int = changes.pop("term_revision", 1)
    ends = expires_at(expires_on, ZONE)
    begins = starts_at(STARTS_ON, ZONE)
    term = TermState(
        id=term_id, revision=revision, valid_from=STARTS_ON, expires_on=expires_on, expiry=Expiry.DATED,
        time_zone=ZONE, starts_at=begins, expires_at=ends, recorded_at=CREATED,
    )  # fmt: skip
    state: dict[str, Any] = {
        "id": id, "version": 1, "holder_id": holder_id, "type": "forklift", "category": Category.LICENSE,
        "name": "Forklift licence", "number": "FL-4711", "terms": (term,),
        "runs": (
            RunState(
                starts_at=begins, expires_at=ends, expires_on=expires_on, time_zone=ZONE, term_id=term_id,
                term_revision=revision,
            ),
        ),
        "ladder": (90, 30, 0, -7), "validity": Validity.ACTIVE, "created_at": CREATED, "updated_at": CREATED,
    }  # fmt: skip
    return CredentialState(**(state | changes))


def renewed(state: CredentialState, expires_on: date = date(2028, 6, 30)) -> CredentialState:
    """The same credential after a renewal that touches the term before."""
    later = credential_state(state.id, state.holder_id, expires_on)
    only = state.runs[0]
    whole = later.runs[0].model_copy(update={"starts_at": only.starts_at})
    return state.model_copy(
        update={"version": state.version + 1, "terms": state.terms + later.terms, "runs": (whole,)}
    )


def expiring(state: CredentialState, step: int = 30, **changes: Any) -> CredentialExpiring:
    """The step of the credential's last run."""
    end = state.runs[-1]
    assert end.expires_on is not None
    fields: dict[str, Any] = {
        "credential_id": state.id, "holder_id": state.holder_id, "credential_version": state.version,
        "term_id": end.term_id, "term_revision": end.term_revision, "notify": True, "step": step,
        "at": starts_at(end.expires_on - timedelta(days=step), ZONE), "days_left": step,
        "expires_on": end.expires_on, "time_zone": ZONE,
    }  # fmt: skip
    return CredentialExpiring(**(fields | changes))


def expired(state: CredentialState, **changes: Any) -> CredentialExpired:
    """The end of the credential's last run."""
    end = state.runs[-1]
    fields: dict[str, Any] = {
        "credential_id": state.id, "holder_id": state.holder_id, "credential_version": state.version,
        "term_id": end.term_id, "term_revision": end.term_revision, "notify": True, "at": end.expires_at,
        "expires_on": end.expires_on, "time_zone": ZONE,
    }  # fmt: skip
    return CredentialExpired(**(fields | changes))


def overdue(state: CredentialState, days: int = 7, **changes: Any) -> CredentialOverdue:
    """Days after the end of the credential's last run."""
    end = state.runs[-1]
    assert end.expires_on is not None
    fields: dict[str, Any] = {
        "credential_id": state.id, "holder_id": state.holder_id, "credential_version": state.version,
        "term_id": end.term_id, "term_revision": end.term_revision, "notify": True, "step": -days,
        "at": starts_at(end.expires_on + timedelta(days=days), ZONE), "days_since": days,
        "expires_on": end.expires_on, "time_zone": ZONE,
    }  # fmt: skip
    return CredentialOverdue(**(fields | changes))


def event(data: EventData, **changes: Any) -> Event[Any]:
    """The data as an event of its own conversation."""
    fields: dict[str, Any] = {
        "source": "/licet/test", "time": MORNING, "recorded_time": MORNING, "correlation_id": str(uuid4()),
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }  # fmt: skip
    return Event.of(data, **(fields | changes))
