"""Erasures over a whole deployment: who has confirmed them, and carrying them out again after a restore."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from licet_cli.client import CommandFailed
from licet_cli.embedded.state import SERVICES
from licet_cli.target import Target

_AT_ONCE = 100
_PAUSE = 0.25


@dataclass(frozen=True)
class Open:
    """An erasure that a service has not confirmed."""

    holder_id: str
    service: str
    why: str


@dataclass(frozen=True)
class Confirmations:
    """What the services say about erasures."""

    erased: dict[str, dict[str, Any]]
    """When each service erased whom: by holder, then by service."""
    open: tuple[Open, ...]


def confirmations(target: Target, only: str | None = None) -> Confirmations:
    """Ask every service whom it has erased, and whether there is anything left to do."""
    erased: dict[str, dict[str, Any]] = {}
    for name in SERVICES:
        for item in target.service(name).items("/v1/erasures"):
            if only in (None, item["holder_id"]):
                erased.setdefault(item["holder_id"], {})[name] = item
    found = [
        Open(holder_id, name, why)
        for holder_id, told in sorted(erased.items())
        for name in SERVICES
        if (why := _open(told.get(name))) is not None
    ]
    return Confirmations(erased, tuple(found))


def _open(item: Any) -> str | None:
    if item is None:
        return "has not erased it"
    return f"has {item['left']} records or objects to go" if item["left"] else None


def wait_for_confirmations(target: Target, seconds: float, only: str | None = None) -> Confirmations:
    """Ask until every service has confirmed, or the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        said = confirmations(target, only)
        if not said.open or time.monotonic() >= deadline:
            return said
        time.sleep(_PAUSE)


def read_ids(path: Path) -> list[str]:
    """Return the holders in a file: what `licet erase --status --json` printed, or one id a line."""
    try:
        text = path.read_text().strip()
        told = json.loads(text)["items"] if text.startswith("{") else text.split()
        return [str(UUID(str(item["holder_id"] if isinstance(item, dict) else item))) for item in told]
    except OSError as error:
        raise CommandFailed(f"{path} can't be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise CommandFailed(f"{path} is no list of ids, nor what licet erase --status --json says") from None


def reapply(target: Target, holder_ids: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Have every service erase the holders again; yields each service and how many it did not have.

    The owner comes first: what it publishes reaches the others anyway, as do later calls.
    """
    for name in SERVICES:
        done = 0
        for some in _chunks(holder_ids):
            done += target.service(name).post("/v1/erasures", {"holder_ids": list(some)})["erased"]
        yield name, done


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE))
