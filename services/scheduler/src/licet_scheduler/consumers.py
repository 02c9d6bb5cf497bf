"""Event handlers of the scheduler: apply states, and set timers from them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from licet_chassis.consuming import Consumer, Projection
from licet_chassis.consuming.states import split_tombstones
from licet_chassis.database import Transaction
from licet_events import Event, Topic
from licet_events.audits import AuditEvent, AuditScheduleEvent
from licet_events.credentials import CredentialEvent, CredentialMoved
from licet_events.enrolments import EnrolmentEvent
from licet_events.holders import HolderEvent
from licet_events.types import types_of
from licet_events.waivers import WaiverEvent
from licet_scheduler.timers import commands


async def apply_holders(tx: Transaction, events: Sequence[Event[Any]], now: datetime) -> None:
    """Apply states of holders."""
    await commands.apply_holders(tx, [event.data.holder for event in events], now=now)


async def apply_credentials(tx: Transaction, events: Sequence[Event[Any]], now: datetime) -> None:
    """Apply states and tombstones of credentials, and set their timers."""
    states, moved = split_tombstones(events)
    await commands.apply_credentials(
        tx, [event.data.credential for event in states], [event.data for event in moved], now=now
    )


async def apply_enrolments(tx: Transaction, events: Sequence[Event[Any]], now: datetime) -> None:
    """Apply states of enrolments, and set their timers."""
    await commands.apply_enrolments(tx, [event.data.enrolment for event in events], now=now)


async def apply_waivers(tx: Transaction, events: Sequence[Event[Any]], now: datetime) -> None:
    """Learn when waivers end, and set their timers."""
    await commands.apply_waivers(tx, [event.data.waiver for event in events], now=now)


async def apply_audits(tx: Transaction, events: Sequence[Event[Any]], now: datetime) -> None:
    """Learn when audits end, and set their timers."""
    await commands.apply_audits(tx, [event.data.audit for event in events], now=now)


async def apply_audit_schedules(tx: Transaction, events: Sequence[Event[Any]], now: datetime) -> None:
    """Learn when audits are to be opened, and set their timers."""
    await commands.apply_audit_schedules(tx, [event.data.audit_schedule for event in events], now=now)


STATES = Consumer(
    name="states",
    topics=(Topic.HOLDERS, Topic.CREDENTIALS, Topic.CERTIFICATIONS),
    handlers=(
        Projection(types=types_of(HolderEvent), apply=apply_holders),
        Projection(types=(*types_of(CredentialEvent), CredentialMoved), apply=apply_credentials),
        Projection(types=types_of(EnrolmentEvent), apply=apply_enrolments),
        Projection(types=types_of(WaiverEvent), apply=apply_waivers),
        Projection(types=types_of(AuditEvent), apply=apply_audits),
        Projection(types=types_of(AuditScheduleEvent), apply=apply_audit_schedules),
    ),
)
"""All states with instants in one consumer group; none waits for another."""
