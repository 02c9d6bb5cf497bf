"""Which schema a release needs, read from its migrations' files without the migration tool.

A serving process asks only this; Alembic and SQLAlchemy would cost it 25 MB and a second to import.
"""

import re
from importlib.resources import files

import asyncpg

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries

_QUERIES = load_queries("licet_chassis", "revisions.sql")
_REVISION = re.compile(r'^revision(?:: str)? = "([^"]+)"', re.MULTILINE)
_DOWN_REVISION = re.compile(r'^down_revision(?:: [^=]+)? = "([^"]+)"', re.MULTILINE)


def head(package: str) -> str:
    """Return the newest revision of a service's schema: the one that no other is built on.

    Raises `LookupError` if there is none, or more than one.
    """
    revisions, built_on = _revisions(package)
    heads = revisions - built_on
    if len(heads) != 1:
        raise LookupError(f"{package} has {len(heads)} newest revisions ({sorted(heads)}), expected one")
    return heads.pop()


def is_older(package: str, revision: str | None) -> bool:
    """Return whether a database at `revision` lacks something that this release needs.

    One that is unknown here is of a later release, whose schema still serves this one: a schema is
    widened before a release and narrowed after it.
    """
    return revision is None or (revision in _revisions(package)[0] and revision != head(package))


async def applied(conn: Connection) -> str | None:
    """Return the revision that a database is at; `None` where nothing was migrated yet."""
    try:
        revision: str | None = await conn.fetchval(_QUERIES["applied_revision"])
    except asyncpg.UndefinedTableError:
        return None
    return revision


def _revisions(package: str) -> tuple[set[str], set[str]]:
    """Return all revisions, and those that others are built on."""
    scripts = [
        entry.read_text(encoding="utf-8")
        for entry in files(package).joinpath("migrations", "versions").iterdir()
        if entry.name.endswith(".py")
    ]
    return (
        {found for script in scripts for found in _REVISION.findall(script)},
        {found for script in scripts for found in _DOWN_REVISION.findall(script)},
    )
