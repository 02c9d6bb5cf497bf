"""What holders have gained, in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries

QUERIES = load_queries(__package__)

TYPE = "type:"
"""What the name of a credential type follows in a trigger; roles and queues are written as targets."""


@dataclass(frozen=True, slots=True)
class Publication:
    """A version whose rules are new: who has what they name already?"""

    programme: str
    number: int
    triggers: tuple[str, ...]
    after: UUID | None


@dataclass(frozen=True, slots=True)
class Gain:
    """What somebody has gained, and through what."""

    holder_id: UUID
    trigger: str
    correlation_id: str
    causation_id: str | None
    traceparent: str | None

    def cause(self, actor: str) -> Cause:
        """Return the cause of what follows from it."""
        return Cause(actor, self.correlation_id, self.causation_id, self.traceparent)


async def read_publication(conn: Connection) -> Publication | None:
    """Return a version whose rules are new, held; `None` where there is none."""
    row = await conn.fetchrow(QUERIES["read_publications"])
    if row is None:
        return None
    return Publication(row["programme"], row["number"], tuple(row["triggers"]), row["after"])


async def note_holders(conn: Connection, publication: Publication, correlation_id: str, limit: int) -> None:
    """Note the next holders who have what new rules name, and how far it has come."""
    targets = [trigger for trigger in publication.triggers if not trigger.startswith(TYPE)]
    types = [trigger.removeprefix(TYPE) for trigger in publication.triggers if trigger.startswith(TYPE)]
    row = await conn.fetchrow(
        QUERIES["note_holders"], targets, types, publication.after, limit, correlation_id
    )
    assert row is not None  # noqa: S101  # an aggregate has a row
    key = (publication.programme, publication.number)
    if row["number"] < limit:
        await conn.execute(QUERIES["finish_publication"], *key)
    else:
        await conn.execute(QUERIES["advance_publication"], *key, row["last"])


async def pass_over(conn: Connection, triggers: Sequence[str], limit: int) -> int:
    """Forget some gains that no rule names, and those of people who never appeared; returns how many."""
    done: str = await conn.execute(QUERIES["pass_over"], list(triggers), limit)
    return int(done.rpartition(" ")[2])


async def claim_gain(conn: Connection) -> Gain | None:
    """Return the next gain of somebody known, held; `None` where nothing waits."""
    row = await conn.fetchrow(QUERIES["claim_gain"])
    return None if row is None else Gain(**row)


async def finish_gain(conn: Connection, gain: Gain) -> None:
    """Note that a gain has been acted on."""
    await conn.execute(QUERIES["finish_gain"], gain.holder_id, gain.trigger)


async def count_pending(conn: Connection) -> int:
    """Return how much could be worked off now."""
    count: int = await conn.fetchval(QUERIES["count_pending"])
    return count
