"""Consuming: a wrapper around FastStream that acknowledges, retries, parks and waits.

Every record ends in one of these ways:

- handled, or recognised as a repetition: its offset is committed;
- of an unknown type, or of one that no handler names: counted and skipped;
- malformed, or failing for good: *parked* (our word for a dead letter) with its bytes. Later records of its
  partition key on the topic are parked behind it; all others go on;
- in need of a state that has not arrived: kept as waiting, retried when that arrives;
- while the database or the network is away: retried in place, for as long as it takes.
"""

from licet_chassis.consuming.consumer import (
    Consumer,
    Effect,
    Handler,
    MissingPrerequisite,
    PermanentFailure,
    Projection,
)

__all__ = ["Consumer", "Effect", "Handler", "MissingPrerequisite", "PermanentFailure", "Projection"]
