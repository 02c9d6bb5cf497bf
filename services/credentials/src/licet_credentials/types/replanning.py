"""Working a type's changed ladder or grace through its credentials, a bounded number at a time."""

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.database import Database
from licet_credentials.credentials.change import ITSELF
from licet_credentials.credentials.commands import replan_credentials
from licet_credentials.types import store

BATCH = 200


class Replanning:
    """Carries changed rules to credentials. Can be interrupted anywhere: what is left is in the table."""

    def __init__(self, database: Database, clock: BusinessClock) -> None:
        self._database = database
        self._clock = clock

    async def step(self) -> bool:
        """Work through one batch of one type; returns whether there may be more."""
        async with self._database.transaction(Cause.new(ITSELF)) as tx:
            code = await store.claim_replanning(tx.conn)
            if code is None:
                return False
            done = await replan_credentials(tx, code, now=self._clock.now(), limit=BATCH)
            if done < BATCH:
                await store.finish_replanning(tx.conn, code)
        return True
