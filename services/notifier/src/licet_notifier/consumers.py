"""What the notifier does on each event it reads: it keeps copies of states, and decides on notices."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from licet_chassis.consuming import Consumer, Effect, MissingPrerequisite, Projection
from licet_chassis.consuming.states import split_tombstones
from licet_chassis.database import Transaction
from licet_events import Event, Topic
from licet_events.catalogue import CredentialTypeEvent, LocationEvent, ProgrammeEvent, TeamEvent
from licet_events.credentials import CredentialEvent, CredentialMoved
from licet_events.enrolments import (
    EnrolmentEvent,
    EnrolmentOpened,
    EnrolmentState,
    EnrolmentStatusChanged,
    RenewalDue,
)
from licet_events.holders import HolderEvent
from licet_events.notifications import NotificationReason
from licet_events.schedule import CredentialExpired, CredentialExpiring, CredentialOverdue, InstantReached
from licet_events.shifts import ShiftEvent
from licet_events.types import types_of
from licet_notifier.enrolment_mails.commands import (
    decide_enrolment_notice,
    decide_enrolment_notice_with_what_is_known,
)
from licet_notifier.enrolment_mails.model import Source
from licet_notifier.enrolment_mails.model import notice_of as enrolment_notice_of
from licet_notifier.facts.announcements import Announced, notice_of
from licet_notifier.facts.enrolments import upsert_enrolments, upsert_programmes
from licet_notifier.facts.store import end_credentials, upsert_catalogue, upsert_credentials, upsert_holders
from licet_notifier.notifications.commands import NotYetKnown, decide_notice, decide_with_what_is_known
from licet_notifier.notifications.model import Deployment
from licet_notifier.notifications.store import wake
from licet_notifier.shift_digests.commands import keep_risks

_TELLING = (EnrolmentOpened, EnrolmentStatusChanged, RenewalDue)
"""Events of enrolments that may lead to mails; each carries the state that its decision rests on."""


def notifier_consumer(deployment: Deployment) -> Consumer:
    """Return the consumer of everything the notifier reads."""

    async def notify(tx: Transaction, event: Event[Announced], now: datetime) -> None:
        try:
            await decide_notice(tx, notice_of(event), deployment=deployment, now=now)
        except NotYetKnown as unknown:
            raise MissingPrerequisite(unknown.needs, unknown.reason) from None

    async def give_up(tx: Transaction, event: Event[Announced], reason: str, now: datetime) -> None:
        await decide_with_what_is_known(
            tx, notice_of(event), reason=NotificationReason(reason), deployment=deployment, now=now
        )

    async def notify_of_enrolment(tx: Transaction, event: Event[Source], now: datetime) -> None:
        await _keep_enrolment(tx, event, now)
        notice = enrolment_notice_of(event)
        if notice is None:
            return
        try:
            await decide_enrolment_notice(tx, notice, deployment=deployment, now=now)
        except NotYetKnown as unknown:
            raise MissingPrerequisite(unknown.needs, unknown.reason) from None

    async def give_up_on_enrolment(tx: Transaction, event: Event[Source], reason: str, now: datetime) -> None:
        await _keep_enrolment(tx, event, now)
        notice = enrolment_notice_of(event)
        if notice is not None:
            await decide_enrolment_notice_with_what_is_known(
                tx, notice, reason=NotificationReason(reason), deployment=deployment, now=now
            )

    async def apply_risks(tx: Transaction, events: Sequence[Event[ShiftEvent]], now: datetime) -> None:
        states = [event.data.shift for event in events]
        await keep_risks(tx, states, deployment=deployment, now=now)

    return Consumer(
        name="notifier",
        topics=(
            Topic.HOLDERS, Topic.CATALOGUE, Topic.CREDENTIALS, Topic.CERTIFICATIONS, Topic.SCHEDULE,
            Topic.SHIFTS,
        ),
        handlers=(
            # In the order in which beginning a mail locks these rows.
            Projection(
                types=(*types_of(CredentialEvent), CredentialMoved),
                apply=_apply_credentials,
                provides=_credential_provided,
            ),
            Projection(
                types=tuple(model for model in types_of(EnrolmentEvent) if model not in _TELLING),
                apply=_apply_enrolments,
                provides=lambda data: f"enrolment:{data.enrolment.id}",
            ),
            Projection(
                types=types_of(HolderEvent),
                apply=_apply_holders,
                provides=lambda data: f"holder:{data.holder.id}",
            ),
            Projection(
                types=(
                    *types_of(CredentialTypeEvent), *types_of(LocationEvent), *types_of(TeamEvent),
                ),
                apply=_apply_catalogue,
            ),
            Projection(types=types_of(ProgrammeEvent), apply=_apply_programmes),
            Projection(types=types_of(ShiftEvent), apply=apply_risks),
            Effect(
                types=(CredentialExpiring, CredentialExpired, CredentialOverdue),
                handle=notify,
                give_up=give_up,
            ),
            Effect(
                types=(*_TELLING, InstantReached),
                handle=notify_of_enrolment,
                give_up=give_up_on_enrolment,
            ),
        ),
    )  # fmt: skip


async def _apply_holders(tx: Transaction, events: Sequence[Event[HolderEvent]], now: datetime) -> None:
    await upsert_holders(tx.conn, [event.data.holder for event in events])
    await wake(tx.conn, now, holder_ids={event.data.holder.id for event in events})


async def _keep_enrolment(tx: Transaction, event: Event[Source], now: datetime) -> None:
    if isinstance(event.data, EnrolmentEvent):
        await _keep_enrolments(tx, [event.data.enrolment], now)


async def _apply_enrolments(tx: Transaction, events: Sequence[Event[EnrolmentEvent]], now: datetime) -> None:
    await _keep_enrolments(tx, [event.data.enrolment for event in events], now)


async def _keep_enrolments(tx: Transaction, states: Sequence[EnrolmentState], now: datetime) -> None:
    await upsert_enrolments(tx.conn, states)
    await wake(tx.conn, now, enrolment_ids={state.id for state in states})


async def _apply_programmes(tx: Transaction, events: Sequence[Event[ProgrammeEvent]], _: datetime) -> None:
    await upsert_programmes(tx.conn, [event.data.programme for event in events])


async def _apply_credentials(
    tx: Transaction, events: Sequence[Event[CredentialEvent]], now: datetime
) -> None:
    # A moved credential may arrive under its new key before the tombstone of the old one, or after.
    states, moved = split_tombstones(events)
    await upsert_credentials(tx.conn, [event.data.credential for event in states])
    await end_credentials(tx.conn, [event.data for event in moved])
    await wake(tx.conn, now, credential_ids={event.data.credential.id for event in states})


def _credential_provided(data: CredentialEvent | CredentialMoved) -> str | None:
    return None if isinstance(data, CredentialMoved) else f"credential:{data.credential.id}"


async def _apply_catalogue(tx: Transaction, events: Sequence[Event[Any]], _: datetime) -> None:
    await upsert_catalogue(tx.conn, [_entry(event.data) for event in events])


def _entry(data: CredentialTypeEvent | LocationEvent | TeamEvent) -> Any:
    if isinstance(data, CredentialTypeEvent):
        return data.credential_type
    return data.location if isinstance(data, LocationEvent) else data.team
