"""Which schema a release needs, read from its migrations' files without the migration tool.

A serving process asks only this; Alembic and SQLAlchemy would cost it 25 MB and a second to import.
"""

import re
from importlib.resources import files

_REVISION = re.compile(r'^revision(?:: str)? = "([^"]+)"', re.MULTILINE)
_DOWN_REVISION = re.compile(r'^down_revision(?:: [^=]+)? = "([^"]+)"', re.MULTILINE)


def head(package: str) -> str:
    """Return the newest revision of a service's schema: the one that no other is built on.

    Raises `LookupError` if there is none, or more than one.
    """
    scripts = [
        entry.read_text(encoding="utf-8")
        for entry in files(package).joinpath("migrations", "versions").iterdir()
        if entry.name.endswith(".py")
    ]
    revisions: set[str] = {found for script in scripts for found in _REVISION.findall(script)}
    heads: set[str] = revisions - {found for script in scripts for found in _DOWN_REVISION.findall(script)}
    if len(heads) != 1:
        raise LookupError(f"{package} has {len(heads)} newest revisions ({sorted(heads)}), expected one")
    return heads.pop()
