"""SQL in files: every statement has a name and a purpose, and stands in its feature's `queries.sql`.

A list with many filters is a *template*: its text has a line for each thing that may be asked, and only
the lines of what is asked are sent. So each combination has a plan of its own, where one statement full
of `$1 is null or …` would have one bad plan for all.

    -- template: list_holders
    -- A page of holders.
    select h.id from holders h
    where true
      and h.kind = :kind                        --if kind
      and h.name ilike any(:word)               --if word
    order by h.name desc, --if backwards
             h.id         --unless backwards
    limit :limit

A line that ends in `--if a, b` is there if any of these is given, one that ends in `--unless a, b` if none
is. Such a mark alone on its line stands for all lines up to `--end`. `:kind` becomes `$1`, `$2`, … in the
order of the text. A name may also be given only to choose lines.

A mapping from names to texts leaves asyncpg's own interface in sight (`executemany`, cursors, array
parameters), which aiosql would wrap in attributes that no type checker sees.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from licet_chassis.connection import Connection

if TYPE_CHECKING:
    import asyncpg

_HEADING = re.compile(r"^--\s*(?P<kind>name|template):\s*(?P<name>[a-z][a-z0-9_]*)\s*$", re.MULTILINE)
_CHOICE = re.compile(r"\s*--(?P<word>if|unless) (?P<names>[a-z][a-z0-9_]*(?:, [a-z][a-z0-9_]*)*)\s*$")
_PARAMETER = re.compile(r"(?<![:\w]):(?P<name>[a-z][a-z0-9_]*)\b")


def load_queries(package: str, file_name: str = "queries.sql") -> Mapping[str, str]:
    """Return the named statements of a package's SQL file.

    A statement begins with a line `-- name: lock_credential`; the comment lines after it say what it
    is for. Raises `ValueError` for a name that stands twice or a file without any.
    """
    return MappingProxyType({name: text for kind, name, text in _parts(package, file_name) if kind == "name"})


def load_templates(package: str, file_name: str = "queries.sql") -> "Mapping[str, Template]":
    """Return the templates of a package's SQL file: the parts that begin with `-- template: list_holders`.

    Raises `ValueError` as `load_queries` does.
    """
    return MappingProxyType(
        {name: Template(text) for kind, name, text in _parts(package, file_name) if kind == "template"}
    )


def _parts(package: str, file_name: str) -> Iterator[tuple[str, str, str]]:
    text = files(package).joinpath(file_name).read_text(encoding="utf-8")
    headings = list(_HEADING.finditer(text))
    if not headings:
        raise ValueError(f"{package}/{file_name} names no query")
    seen: set[str] = set()
    for heading, following in zip(headings, [*headings[1:], None], strict=True):
        name = heading["name"]
        if name in seen:
            raise ValueError(f"{package}/{file_name} names {name} twice")
        seen.add(name)
        body = text[heading.end() : following.start() if following else None]
        yield heading["kind"], name, body.strip().rstrip(";")


@dataclass(frozen=True)
class Template:
    """A statement with lines that may be left out; see the module for how it is written."""

    text: str
    choices: frozenset[str] = field(init=False)
    """The names that choose lines."""

    def __post_init__(self) -> None:
        names = (_names_in(line) for line in self.text.splitlines())
        object.__setattr__(self, "choices", frozenset(name for _, chosen in names for name in chosen))

    def sql(self, given: Collection[str]) -> "tuple[str, tuple[str, ...]]":
        """Return the statement for the given names, and the names of its parameters `$1`, `$2`, … in order.

        The same names give the same text, whatever their order.
        """
        return _sql(self.text, frozenset(given) & self.choices)

    async def fetch(self, conn: Connection, given: Mapping[str, Any]) -> "list[asyncpg.Record]":
        """Run the statement with the values that are not `None` and return its rows.

        PostgreSQL plans it for these values: whether an index helps depends on how rare a value is. So the
        statement is neither named nor cached, which costs a round trip and the parsing; a cached one would
        get one plan for all values after five executions.
        """
        values = {name: value for name, value in given.items() if value is not None}
        sql, parameters = self.sql(values)
        statement = await conn.prepare(sql, name="")
        return list(await statement.fetch(*(values[name] for name in parameters)))


@lru_cache(maxsize=1024)
def _sql(text: str, given: frozenset[str]) -> tuple[str, tuple[str, ...]]:
    kept: list[str] = []
    within = True
    for line in text.splitlines():
        word, names = _names_in(line)
        wanted = not word or (word == "if") is not given.isdisjoint(names)
        text = _CHOICE.sub("", line)
        if line.strip() == "--end":
            within = True
        elif word and not text:
            within = wanted
        elif within and wanted:
            kept.append(text)
    parameters: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"${parameters.setdefault(found['name'], len(parameters) + 1)}"

    lines = [line if line.lstrip().startswith("--") else _PARAMETER.sub(number, line) for line in kept]
    return "\n".join(lines), tuple(parameters)


def _names_in(line: str) -> tuple[str, frozenset[str]]:
    found = _CHOICE.search(line)
    return (found["word"], frozenset(found["names"].split(", "))) if found else ("", frozenset())
