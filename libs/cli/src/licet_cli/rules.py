"""Requirements in a TOML file, against those of a deployment.

A file has a table `[[requirement]]` for each, with the fields of `POST /v1/requirements`; its `code` says
which requirement of the deployment it is.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from licet_cli.client import CommandFailed, Refused, ServiceClient
from licet_events import civil

_DEFAULTS: Mapping[str, Any] = {
    "locations": [],
    "severity": "mandatory",
    "match_jurisdiction": False,
    "min_days_remaining": 0,
    "effective_until": None,
}
_FIELDS = frozenset({"code", "target", "expression", "effective_from", "time_zone", *_DEFAULTS})
_PATH = "/v1/requirements"


@dataclass(frozen=True)
class Change:
    """What is to be done about one requirement."""

    code: str
    action: str
    """`create`, `change`, `end`, `unchanged`, or `kept`: it has a code and the file does not have it."""
    id: str | None = None
    version: int = 0
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    """Before and after, by name."""


def read_rules(file: Path) -> dict[str, dict[str, Any]]:
    """Return the requirements of a file, by code; raises `CommandFailed` with the place that is wrong."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{file} is not TOML: {error}") from None
    unknown = sorted(document.keys() - {"requirement"})
    if unknown:
        raise CommandFailed(
            f"{file} has {', '.join(unknown)}; it takes tables [[requirement]] and nothing else."
        )
    rules: dict[str, dict[str, Any]] = {}
    for number, table in enumerate(document.get("requirement", []), 1):
        where = f"{file}, requirement {number}"
        missing = sorted({"code", "target", "expression", "effective_from"} - table.keys())
        if missing:
            raise CommandFailed(f"{where} lacks {', '.join(missing)}.")
        unknown = sorted(table.keys() - _FIELDS)
        if unknown:
            raise CommandFailed(f"{where} has {', '.join(unknown)}; it takes {', '.join(sorted(_FIELDS))}.")
        if table["code"].casefold() in {code.casefold() for code in rules}:
            raise CommandFailed(f"{where} has the code {table['code']}, which another one has already.")
        rules[table["code"]] = {**_DEFAULTS, **{name: _plain(value) for name, value in table.items()}}
    return rules


def changes_of(
    rules: Mapping[str, Mapping[str, Any]],
    present: Iterable[Mapping[str, Any]],
    *,
    prune: bool,
    now: datetime,
) -> list[Change]:
    """Return what has to be done so that the requirements present are those of the rules.

    What is pruned ends with the day that `now`, in business time, is in the requirement's zone, or with its
    first day where that is later.
    """
    known = {one["code"].casefold(): one for one in present if one["code"] is not None}
    changes = []
    for code, rule in rules.items():
        before = known.pop(code.casefold(), None)
        if before is None:
            changes.append(Change(code, "create", fields={name: (None, rule[name]) for name in rule}))
            continue
        if before["target"] != rule["target"]:
            raise CommandFailed(
                f"The requirement {code} is for {before['target']} and stays so for ever; give the one for "
                f"{rule['target']} a code of its own."
            )
        fields = {
            name: (before[name], value)
            for name, value in rule.items()
            if name not in {"code", "target"} and _comparable(before[name]) != _comparable(value)
        }
        action = "change" if fields else "unchanged"
        changes.append(Change(code, action, before["id"], before["version"], fields))
    for one in known.values():
        ends = one["effective_until"]
        last = max(civil.local_date(now, one["time_zone"]).isoformat(), one["effective_from"])
        over = ends is not None and ends <= last
        fields = {"effective_until": (ends, last)} if prune and not over else {}
        changes.append(Change(one["code"], "end" if fields else "kept", one["id"], one["version"], fields))
    return changes


def apply_change(certifications: ServiceClient, change: Change) -> str | None:
    """Carry out a change; returns why it was refused."""
    body = {name: after for name, (_, after) in change.fields.items()}
    try:
        if change.action == "create":
            certifications.post(_PATH, body)
        else:
            certifications.patch(f"{_PATH}/{change.id}", body, change.version)
    except Refused as refused:
        return str(refused)
    return None


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: TOML has dates of its own."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value


def _comparable(value: Any) -> Any:
    """Return a value so that what means the same is equal: a type alone is a type without conditions."""
    if isinstance(value, list):
        return [_comparable(one) for one in value]
    if isinstance(value, dict):
        shown = {name: _comparable(one) for name, one in value.items() if one not in ([], False, 0, None)}
        return shown["type"] if shown.keys() == {"type"} else shown
    return value
