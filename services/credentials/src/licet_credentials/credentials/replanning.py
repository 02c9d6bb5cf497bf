"""Replanning: carries a changed ladder or grace of a type to its credentials, in batches."""

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.database import Database
from licet_credentials.credentials.change import ITSELF
from licet_credentials.credentials.commands.settling import replan_credentials
from licet_credentials.types import store

BATCH = 200


class Replanning:
    """Carries changed rules to credentials. A crash loses nothing: what is left to do is in the table."""

    def __init__(self, database: Database, clock: BusinessClock) -> None:
        self._database = database
        self._clock = clock

    async def step(self) -> bool:
        """Replan one batch of one type; returns whether there may be more.

        A type is done when no credential with older rules is left. Locked credentials are skipped and
        tried again in a later step.
        """
        async with self._database.transaction(Cause.new(ITSELF)) as tx:
            claimed = await store.claim_replanning(tx.conn)
            if claimed is None:
                return False
            done = await replan_credentials(
                tx, claimed.type, claimed.version, now=self._clock.now(), limit=BATCH
            )
            if done:
                await store.note_replanned(tx.conn, claimed.type, done)
                return True
            return await store.finish_replanning(tx.conn, claimed.type, claimed.version)
