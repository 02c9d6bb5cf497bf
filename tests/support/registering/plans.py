"""What a list costs: the plans of all statements that a store sends for it, and the buffers they touch."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from licet_chassis.connection import Connection

CATALOGUE = {"credential_types", "credential_type_names", "programmes"}
"""Tables of a few pages, however many holders and credentials there are."""


@dataclass
class Explained:
    """A connection that runs every statement twice: as it is, and to learn its plan."""

    conn: Connection
    plans: list[dict[str, Any]] = field(default_factory=list)

    async def fetch(self, sql: str, *arguments: object) -> Any:
        rows = await self.conn.fetch(sql, *arguments)
        # As text with its values: as a prepared statement has it while it is planned for them.
        statement = await self.conn.prepare(f"explain (analyze, buffers, format json) {sql}", name="")
        self.plans.append(json.loads(await statement.fetchval(*arguments))[0]["Plan"])
        return rows

    async def prepare(self, sql: str, *, name: str) -> "_Prepared":
        assert name == "", "a list is planned for its values"
        return _Prepared(self, sql)

    @property
    def buffers(self) -> int:
        """How many pages were touched, in memory or not."""
        return sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in self.plans)

    @property
    def scanned(self) -> set[str]:
        """Which tables that grow were read from end to end."""
        return {
            node["Relation Name"]
            for plan in self.plans
            for node in _nodes(plan)
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] not in CATALOGUE
        }

    def __str__(self) -> str:
        return "\n".join(_tree(plan) for plan in self.plans)


@dataclass
class _Prepared:
    explained: Explained
    sql: str

    async def fetch(self, *arguments: object) -> Any:
        return await self.explained.fetch(self.sql, *arguments)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def _tree(plan: dict[str, Any], depth: int = 0) -> str:
    of = plan.get("Index Name") or plan.get("Relation Name") or ""
    touched = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    line = f"{'  ' * depth}{plan['Node Type']} {of} rows={plan['Actual Rows']} loops={plan['Actual Loops']}"
    return "\n".join(
        [f"{line} buffers={touched}", *(_tree(inner, depth + 1) for inner in plan.get("Plans", ()))]
    )
