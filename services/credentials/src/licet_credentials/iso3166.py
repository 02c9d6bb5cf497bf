"""Codes of countries and subdivisions (ISO 3166), from the tables of pycountry."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

_NEWER = frozenset({"NO-31", "NO-32", "NO-33", "NO-39", "NO-40", "NO-55", "NO-56"})
"""Subdivisions that pycountry lacks: Norway's counties since 2024-01-01. A test tells when it has them."""


def is_country(code: str) -> bool:
    """Return whether ISO 3166-1 has the alpha-2 code."""
    return code in _codes("3166-1", "alpha_2")


def is_subdivision(code: str) -> bool:
    """Return whether ISO 3166-2 has the code."""
    return code in _NEWER or code in _codes("3166-2", "code")


def lies_in(subdivision: str, country: str | None) -> bool:
    """Return whether the subdivision is one of the country."""
    return subdivision.startswith(f"{country}-")


@cache
def _codes(part: str, member: str) -> frozenset[str]:
    # pycountry's own objects take 12 MB, mostly names. Here each entry becomes its code while the table is
    # parsed, at the first use.
    def code_of(entry: dict[str, Any]) -> Any:
        return entry.get(member, entry)

    table = files("pycountry").joinpath(f"databases/iso{part}.json").read_bytes()
    return frozenset(json.loads(table, object_hook=code_of)[part])
