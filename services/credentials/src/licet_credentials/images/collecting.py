"""Garbage collection of objects in the bucket that no image refers to: failed uploads, deleted images.

The row of a set of objects exists from before its first byte is stored until after the last one is gone, so
an interrupted removal is found and repeated. Objects are marked before they are removed and never used again;
the same content, uploaded later, gets the next generation. A late removal, even one that outlives its
process, therefore hits nothing that is in use. A byte that arrives after the removal is removed by a second.
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
"""Age after which every upload has ended; one takes a few minutes at most."""
_AGAIN = timedelta(minutes=1)
"""Delay before a failed removal is retried."""
_MOST = 50
"""Most sets of objects in one step."""

_log = structlog.get_logger("licet.images")
_collected = prometheus_client.Counter(
    "licet_image_objects_collected_total",
    "Sets of unreferenced objects that were removed from the bucket",
)
_failed = prometheus_client.Counter("licet_image_objects_failed_total", "Removals of objects that failed")
_MARKED = Failpoint("images.collecting.marked")
_REMOVED = Failpoint("images.collecting.removed")


class Collecting:
    """Checks objects when they are due, and removes unreferenced ones."""

    def __init__(self, database: Database, storage: ImageStorage) -> None:
        self._database = database
        self._storage = storage

    async def step(self) -> bool:
        """Check a bounded number of due objects; returns whether there may be more."""
        for _ in range(_MOST):
            now = machine_now()
            objects = await self._next(now)
            if objects is None:
                return False
            if objects.state is not ObjectState.WANTED and not await self._remove(objects, now):
                return False
        return True

    async def _next(self, now: datetime) -> StoredObjects | None:
        """Claim the next due objects and return them in their next state, which is committed."""
        async with self._database.transaction(Cause.new("service:credentials")) as tx:
            objects = await store.hold_due_objects(tx.conn, now)
            if objects is None:
                return None
            if objects.state is ObjectState.WANTED:
                if await store.are_wanted(tx.conn, objects):
                    await store.set_objects(tx.conn, objects, ObjectState.WANTED, None)
                    return objects
                objects = replace(objects, state=ObjectState.REMOVING)
            # Other instances skip them until then; if this one crashes, they are due again.
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
