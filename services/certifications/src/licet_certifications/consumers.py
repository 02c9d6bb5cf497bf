"""What the service does on each event that it reads: keep facts, and do what reached instants bring."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from licet_certifications.audit_schedules import commands as audit_schedules
from licet_certifications.completions.store import share_identities
from licet_certifications.enrolments import commands as enrolments
from licet_certifications.facts import store
from licet_certifications.intake import commands as intake
from licet_certifications.waivers import commands as waivers
from licet_chassis.consuming import Consumer, Effect, Projection
from licet_chassis.consuming.states import split_tombstones
from licet_chassis.database import Transaction
from licet_events import Event, Topic
from licet_events.catalogue import CredentialTypeEvent, LocationEvent
from licet_events.credentials import CredentialEvent, CredentialMoved
from licet_events.enrolments import AwardRefused
from licet_events.holders import HolderEvent
from licet_events.schedule import InstantReached
from licet_events.types import types_of


async def apply_holders(tx: Transaction, events: Sequence[Event[Any]], now: datetime) -> None:
    """Keep what holders are, and take up the completions that waited for them."""
    await share_identities(tx.conn)
    await store.upsert_holders(tx.conn, events)
    await intake.follow_holders(tx, {event.data.holder.id for event in events}, now=now)


async def apply_credentials(tx: Transaction, events: Sequence[Event[Any]], now: datetime) -> None:
    """Keep what credentials are and whose, and let the enrolments that led to them follow.

    One that was moved may be told of under its new key first.
    """
    states, moved = split_tombstones(events)
    await store.upsert_credentials(tx.conn, states)
    await store.end_credentials(tx.conn, moved)
    await enrolments.follow_credentials(tx, states, now=now)


async def apply_locations(tx: Transaction, events: Sequence[Event[Any]], _now: datetime) -> None:
    """Keep where locations lie."""
    await store.upsert_locations(tx.conn, events)


async def apply_types(tx: Transaction, events: Sequence[Event[Any]], _now: datetime) -> None:
    """Keep what credential types are called."""
    await store.upsert_types(tx.conn, events)


async def apply_refusal(tx: Transaction, event: Event[AwardRefused], now: datetime) -> None:
    """Put an enrolment under review whose award was refused."""
    await enrolments.award_refused(tx, event.data.refusal, now=now)


FACTS = Consumer(
    name="facts",
    topics=(Topic.HOLDERS, Topic.CREDENTIALS, Topic.CATALOGUE),
    handlers=(
        Projection(types=types_of(HolderEvent), apply=apply_holders),
        Projection(types=(*types_of(CredentialEvent), CredentialMoved), apply=apply_credentials),
        Effect(types=(AwardRefused,), handle=apply_refusal),
        Projection(types=types_of(LocationEvent), apply=apply_locations),
        Projection(types=types_of(CredentialTypeEvent), apply=apply_types),
    ),
)
"""Holders, credentials and the catalogue in one group: each fact is whole, and none waits for another."""


async def apply_instant(tx: Transaction, event: Event[InstantReached], now: datetime) -> None:
    """Do what an instant brings to what it is about; the commands compare it with their own."""
    data = event.data
    match data.about, data.instant:
        case "enrolment", "deadline":
            await enrolments.deadline_reached(tx, data.about_id, data.at, now=now)
        case "enrolment", "window_opens":
            await enrolments.window_opened(tx, data.about_id, data.at, now=now)
        case "audit_schedule", "due":
            await audit_schedules.due_reached(tx, data.about_id, data.at, now=now)
        case "waiver", "end":
            await waivers.end_reached(tx, data.about_id, data.at, now=now)


SCHEDULE = Consumer(
    name="schedule",
    topics=(Topic.SCHEDULE,),
    handlers=(Effect(types=(InstantReached,), handle=apply_instant),),
)
"""What the scheduler says of this service's own; a group of its own, so that facts do not wait for it."""
