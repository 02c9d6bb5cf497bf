"""What scheduling platforms report on the topic of bookings."""

from collections.abc import Sequence
from datetime import datetime

from licet_certifications.facts.identity import external_key
from licet_certifications.shifts.commands import take_reports
from licet_certifications.shifts.model import Report, Work
from licet_chassis.cause import Cause
from licet_chassis.consuming import Consumer, Projection
from licet_chassis.database import Transaction
from licet_events import Event, Topic
from licet_events.sameness import folded_code
from licet_events.shifts import BookedShiftEvent, BookingEvent
from licet_events.types import types_of


async def take_bookings(tx: Transaction, events: Sequence[Event[BookingEvent]], now: datetime) -> None:
    """Take over a batch of bookings, changes and cancellations, all in a few statements."""
    reports = [report_of(event.data) for event in events]
    causes = {
        report.id: Cause.of_event(event, tx.cause.actor)
        for report, event in zip(reports, events, strict=True)
    }
    await take_reports(tx, reports, now=now, causes=causes)


def report_of(data: BookingEvent) -> Report:
    """Return what a booking event says."""
    work = None
    if isinstance(data, BookedShiftEvent):
        key = None if data.holder_external_id is None else external_key(data.holder_external_id)
        work = Work(data.holder_id, key, folded_code(data.target), data.location, data.start, data.end)
    return Report(data.platform, data.external_id, data.revision, data.occurred_at, work)


BOOKINGS = Consumer(
    name="bookings",
    topics=(Topic.BOOKINGS,),
    handlers=(Projection(types=types_of(BookingEvent), apply=take_bookings),),
    # Of several events about a shift the highest (revision, occurred_at) counts, so one that is malformed
    # holds up no other shift of its holder.
    ordered=False,
)
"""Apart from the facts: what a platform writes wrongly holds up nothing of ours."""
