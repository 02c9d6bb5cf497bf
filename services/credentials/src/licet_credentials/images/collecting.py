"""Removing objects that no image refers to: left by an upload that came to nothing, or by a deletion.

The row of the objects is there from before the first byte is stored until after the last one is gone, so
whatever is interrupted is found and done again. Objects are marked before they are removed; from then on
they are never used again, and the same content sent anew gets the next generation. So a removal that is
late, even one that outlives the process that asked for it, hits nothing that anybody refers to. The other
way round, a byte that arrives after the removal is removed by the second one.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import prometheus_client
import structlog

from licet_chassis.cause import Cause
from licet_chassis.clock import machine_now
from licet_chassis.database import Database
from licet_chassis.failpoints import Failpoint
from licet_credentials.images import store
from licet_credentials.images.storage import ImageStorage, StorageUnavailable
from licet_credentials.images.store import ObjectState, StoredObjects

SAFE_AGE = timedelta(hours=1)
"""After which an upload has ended, one way or the other; it takes a few minutes at most."""
_AGAIN = timedelta(minutes=1)
"""Until objects are looked at again that could not be removed."""
_MOST = 50
"""Sets of objects that one step looks at."""

_log = structlog.get_logger("licet.images")
_collected = prometheus_client.Counter(
    "licet_image_objects_collected_total",
    "Sets of objects in the bucket that were removed, as nothing refers to them",
)
_failed = prometheus_client.Counter(
    "licet_image_objects_failed_total", "Removals of objects that the store did not carry out"
)
_MARKED = Failpoint("images.collecting.marked")
_REMOVED = Failpoint("images.collecting.removed")


class Collecting:
    """Looks at objects when it is time to, and removes those that nothing refers to."""

    def __init__(self, database: Database, storage: ImageStorage) -> None:
        self._database = database
        self._storage = storage

    async def step(self) -> bool:
        """Look at the objects whose time has come, a bounded number; whether there may be more."""
        for _ in range(_MOST):
            now = machine_now()
            objects = await self._next(now)
            if objects is None:
                return False
            if objects.state is not ObjectState.WANTED and not await self._remove(objects, now):
                return False
        return True

    async def _next(self, now: datetime) -> StoredObjects | None:
        """Return the next objects as they are to be treated from now on, which is committed."""
        async with self._database.transaction(Cause.new("service:credentials")) as tx:
            objects = await store.hold_due_objects(tx.conn, now)
            if objects is None:
                return None
            if objects.state is ObjectState.WANTED:
                if await store.are_wanted(tx.conn, objects):
                    await store.set_objects(tx.conn, objects, ObjectState.WANTED, None)
                    return objects
                objects = replace(objects, state=ObjectState.REMOVING)
            # Whoever else collects leaves them alone meanwhile; if we do not return, somebody looks again.
            await store.set_objects(tx.conn, objects, objects.state, now + _AGAIN)
        _MARKED()
        return objects

    async def _remove(self, objects: StoredObjects, now: datetime) -> bool:
        try:
            await self._storage.remove(objects.sha256, objects.generation)
        except StorageUnavailable as error:
            _failed.inc()
            _log.warning("images.not_collected", sha256=objects.sha256, error=str(error.__cause__))
            return False
        _REMOVED()
        async with self._database.reading() as conn:
            if objects.state is ObjectState.REMOVED:
                await store.forget_objects(conn, objects)
            else:
                await store.set_objects(conn, objects, ObjectState.REMOVED, now + SAFE_AGE)
                _collected.inc()
                _log.info("images.collected", sha256=objects.sha256, generation=objects.generation)
        return True
