"""Looking for texts in everything that a database holds."""

from collections.abc import Iterable
from dataclasses import dataclass

from licet_chassis.connection import Connection


@dataclass(frozen=True)
class Found:
    """A text, and a row in which it stands."""

    text: str
    where: str
    excerpt: str


async def tables_of(conn: Connection) -> list[str]:
    """Return every table of the public schema."""
    rows = await conn.fetch("select tablename from pg_tables where schemaname = 'public' order by 1")
    return [row["tablename"] for row in rows]


async def search_database(
    conn: Connection, texts: Iterable[str], *, without: Iterable[str] = ()
) -> list[Found]:
    """Return the rows of all tables in which one of the texts stands, as text or within bytes."""
    database = await conn.fetchval("select current_database()")
    found = []
    for table in await tables_of(conn):
        if table in set(without):
            continue
        for row in await conn.fetch(f'select t::text as said from "{table}" t'):
            found += search_text(row["said"], texts, f"{database}.{table}")
    return found


def search_text(said: str, texts: Iterable[str], where: str) -> list[Found]:
    """Return the texts that stand in another, as they are or as the hexadecimal digits of bytes."""
    low = said.lower()
    found = []
    for text in texts:
        for form in (text.lower(), text.encode().hex(), text.lower().encode().hex()):
            if (place := low.find(form)) >= 0:
                found.append(Found(text, where, said[max(0, place - 80) : place + 120]))
                break
    return found
