"""Reading events: one wrapper around FastStream that acknowledges, retries, parks and waits.

Whatever happens to a record ends in one of these:

- carried out, or seen to be a repetition: the offset is committed;
- its type is unknown, or of no interest: counted, passed over;
- malformed, or failing for good: parked with its bytes; later records of its partition key on the
  topic are parked behind it, all others flow;
- it needs something that has not arrived: kept as waiting, tried again when that arrives;
- the database or the network is away: tried again in place, for as long as it takes.
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
