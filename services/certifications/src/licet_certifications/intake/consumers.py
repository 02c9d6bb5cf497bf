"""Completions by topic: what learning systems write to `licet.completions.v1`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from licet_certifications.completions.model import OutcomeKind
from licet_certifications.intake import commands
from licet_chassis.cause import Cause
from licet_chassis.consuming import Consumer, PermanentFailure, Projection
from licet_chassis.database import Transaction
from licet_events import Event, Topic
from licet_events.completions import CompletionRecorded

ERASED = "holder_erased"


async def apply_completions(tx: Transaction, events: Sequence[Event[Any]], now: datetime) -> None:
    """Take in a batch. One that can't be true is parked with the reason; of the erased nothing is kept."""
    if len(events) == 1:
        tx.cause = Cause.of_event(events[0], tx.cause.actor)
    for outcome in await commands.take_in(tx, [event.data for event in events], now=now):
        if outcome.kind is OutcomeKind.REJECTED and outcome.code != ERASED:
            # It fails the batch, after which each record is tried by itself, and only this one is parked.
            raise PermanentFailure(f"{outcome.code}: {outcome.detail}")


COMPLETIONS = Consumer(
    name=commands.CONSUMER,
    topics=(Topic.COMPLETIONS,),
    # A projection, for its batches: source and id make a completion known when it comes again.
    handlers=(Projection(types=(CompletionRecorded,), apply=apply_completions),),
    # Completions count by their own instants, in whatever order they come: one that is rejected holds up no
    # other of its learner.
    ordered=False,
)
"""Completions in a group of their own: they wait for no holder, and no holder waits for them."""
