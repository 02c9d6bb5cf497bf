"""Which relay publishes which shards: session-level advisory locks, a fair share for each."""

import asyncpg

from licet_chassis.outbox.append import SHARDS
from licet_chassis.queries import load_queries

_QUERIES = load_queries("licet_chassis.outbox")

_MEMBERS = 0x4C49_4301
_SHARDS = 0x4C49_4302
"""First keys of our advisory locks; the second is the member's backend or the shard."""


class ShardLocks:
    """The shards that one database session holds. They are free the moment the session ends.

    Each relay holds a membership lock, by which the others count it. A relay's share follows from its rank
    among the members, so the shares add up to all shards without a coordinator.
    """

    def __init__(self, conn: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._conn = conn
        self._member = False
        self.held: set[int] = set()
        """Locked by us."""
        self.leaving: set[int] = set()
        """Held, but no longer to be read: others are due. Released once nothing of them is in flight."""

    @property
    def readable(self) -> list[int]:
        """The shards to read from."""
        return sorted(self.held - self.leaving)

    async def balance(self) -> bool:
        """Take free shards or mark some as leaving, towards a fair share; returns whether any was added."""
        if not self._member:
            await self._conn.execute(_QUERIES["join_relays"], _MEMBERS)
            self._member = True
        locks = await self._conn.fetch(_QUERIES["relays_and_shards"], _MEMBERS, _SHARDS)
        members = sorted((lock["pid"], lock["ours"]) for lock in locks if lock["class"] == _MEMBERS)
        rank = next(index for index, (_, ours) in enumerate(members) if ours)
        share = SHARDS // len(members) + (rank < SHARDS % len(members))
        reading = self.held - self.leaving
        if len(reading) > share:
            self.leaving |= set(sorted(reading)[share:])
            return False
        returning = set(sorted(self.leaving)[: share - len(reading)])
        self.leaving -= returning
        missing = share - len(reading) - len(returning)
        taken = {lock["object"] for lock in locks if lock["class"] == _SHARDS}
        free = [shard for shard in range(SHARDS) if shard not in taken][:missing]
        gained = set()
        if free:
            rows = await self._conn.fetch(_QUERIES["take_shards"], _SHARDS, free)
            gained = {row["shard"] for row in rows}
        self.held |= gained
        return bool(gained or returning)

    async def release(self, shards: set[int]) -> None:
        """Unlock shards of which nothing is in flight any more."""
        await self._conn.execute(_QUERIES["release_shards"], _SHARDS, sorted(shards))
        self.held -= shards
        self.leaving -= shards

    async def leave(self) -> None:
        """Give up membership and all shards; nothing of ours may be in flight."""
        await self._conn.execute(_QUERIES["leave_relays"])
        self._member = False
        self.held.clear()
        self.leaving.clear()
