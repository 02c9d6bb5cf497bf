"""A register of any size, made by SQL in seconds: how lists fare among many credentials.

Whatever is rare is held by the same number of credentials, `RARE`, in a register of any size, spread over
all of it: so what a list costs more in a larger one is what finding costs.
"""

from datetime import UTC, datetime
from hashlib import md5
from pathlib import Path
from uuid import UUID

from licet_chassis.connection import Connection
from support.registering.vacuum import vacuum

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RARE = 60
HELD = 5
"""Credentials of each holder."""


def number_of(place: int) -> str:
    """Return the number of a credential; they are placed from 0."""
    return f"L-{int(md5(str(place).encode()).hexdigest()[:8], 16) % 100_000_000:08}"


def holder_id(place: int) -> UUID:
    """Return the id of a holder; they are placed from 0."""
    return UUID(f"01900000-0000-7000-9000-{place:012x}")


async def make_many(conn: Connection, count: int) -> None:
    """Fill an empty database with `count` credentials of `count / 5` holders, as they are at `NOW`.

    There are no history lines; everything that lists read is there, and the tables are vacuumed.
    """
    script = Path(__file__).with_name("many.sql").read_text()
    said = {"count": count, "held": HELD, "every": count // RARE, "now": NOW.isoformat()}
    for name, value in said.items():
        script = script.replace(f"{{{name}}}", str(value))
    await conn.execute(script, timeout=1800)
    for table in ("holders", "credential_types", "credentials", "terms", "runs", "register", "flags"):
        await vacuum(conn, table)
    await conn.execute("checkpoint", timeout=1800)
