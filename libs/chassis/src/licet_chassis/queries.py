"""SQL in files: every statement has a name and a purpose, and stands in its feature's `queries.sql`."""

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

_HEADING = re.compile(r"^--\s*name:\s*(?P<name>[a-z][a-z0-9_]*)\s*$", re.MULTILINE)


def load_queries(package: str, file_name: str = "queries.sql") -> Mapping[str, str]:
    """Return the named statements of a package's SQL file.

    A statement begins with a line `-- name: lock_credential`; the comment lines after it say what it
    is for. Raises `ValueError` for a name that stands twice or a file without any.
    """
    text = files(package).joinpath(file_name).read_text(encoding="utf-8")
    headings = list(_HEADING.finditer(text))
    if not headings:
        raise ValueError(f"{package}/{file_name} names no query")
    queries: dict[str, str] = {}
    for heading, following in zip(headings, [*headings[1:], None], strict=True):
        name = heading["name"]
        if name in queries:
            raise ValueError(f"{package}/{file_name} names {name} twice")
        queries[name] = text[heading.end() : following.start() if following else None].strip().rstrip(";")
    return MappingProxyType(queries)
