"""Two clocks: business time decides validity and timers and can be moved; machine time never is."""

from datetime import UTC, datetime, timedelta

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries

_QUERIES = load_queries("licet_chassis", "clock.sql")


def machine_now() -> datetime:
    """Return the real time: for tokens, leases, backoff, retention. Never moved."""
    return datetime.now(UTC)


class ClockNotMovable(Exception):
    """The clock of this deployment runs with real time and can't be set."""


class BusinessClock:
    """Business time: real time plus an offset that may only grow.

    The offset lives in the service's database: `set` moves it, `load` takes over what this or another
    process of the service has set.
    """

    def __init__(self, *, movable: bool) -> None:
        self.movable = movable
        self.offset = timedelta()
        self.set_to: datetime | None = None
        """The instant that was set last."""

    def now(self) -> datetime:
        """Return the present business time in UTC."""
        return machine_now() + self.offset

    async def load(self, conn: Connection) -> None:
        """Take the offset from the database; does nothing where the clock is not movable."""
        if not self.movable:
            return
        row = await conn.fetchrow(_QUERIES["read_clock"])
        if row is not None:
            self.offset = row["time_offset"]
            self.set_to = row["set_to"]

    async def set(self, conn: Connection, instant: datetime) -> bool:
        """Move business time forward to `instant` and keep it; runs on from there.

        Returns whether it moved: the instant that was set last changes nothing. Raises
        `ClockNotMovable`, and `ValueError` for an instant that is not after now.
        """
        if not self.movable:
            raise ClockNotMovable(
                "this deployment's clock follows real time; LICET_CLOCK=movable would move it"
            )
        if instant == self.set_to:
            return False
        if instant <= self.now():
            raise ValueError(
                f"{instant.isoformat()} is not after {self.now().isoformat()}; time only goes forward"
            )
        offset = instant - machine_now()
        if not await conn.fetchval(_QUERIES["write_clock"], offset, instant):
            await self.load(conn)  # another process of this service has moved it further
            raise ValueError(
                f"{instant.isoformat()} is not after {self.now().isoformat()}; time only goes forward"
            )
        self.offset, self.set_to = offset, instant
        return True
