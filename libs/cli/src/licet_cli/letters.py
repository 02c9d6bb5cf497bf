"""Templates of mails as files, for review in git: a folder for each event, and in it one for each variant.

`<event>/<variant>/` has `subject.txt`, `body.txt`, `body.html`, and `variant.json` with what it is for:
language, recipient, type, steps, channel.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any, Final

from licet_cli.client import ServiceClient

Variant = dict[str, Any]

_PARTS: Final = {"subject": "subject.txt", "text": "body.txt", "html": "body.html"}
_CONDITIONS: Final = ("language", "recipient", "type", "steps", "channel")
_CONDITIONS_FILE: Final = "variant.json"


class BadFiles(ValueError):
    """The folder does not hold templates as this module writes them."""


@dataclass(frozen=True, slots=True)
class Change:
    """What applying the files would do to an event."""

    event: str
    variants: list[Variant]
    """What would be saved: the variants in the files that are not as shipped."""
    lines: list[str]
    """The differences, as `diff -u` writes them."""


def write_files(folder: Path, event: str, variants: list[Variant]) -> Iterator[Path]:
    """Write the variants of an event, and yield each folder."""
    for variant in variants:
        home = folder / event / variant["label"]
        home.mkdir(parents=True, exist_ok=True)
        for part, name in _PARTS.items():
            (home / name).write_text(_ended(variant[part]), "utf-8", newline="\n")
        conditions = {name: variant[name] for name in _CONDITIONS if variant[name] is not None}
        text = json.dumps(conditions, indent=2, ensure_ascii=False)
        (home / _CONDITIONS_FILE).write_text(f"{text}\n", "utf-8", newline="\n")
        yield home


def read_files(folder: Path) -> dict[str, list[Variant]]:
    """Return the variants in a folder, by event; raises `BadFiles` with the file that is missing or wrong."""
    found: dict[str, list[Variant]] = {}
    for event in sorted(each for each in folder.iterdir() if each.is_dir()):
        found[event.name] = [_read(home) for home in sorted(event.iterdir()) if home.is_dir()]
    if not found:
        raise BadFiles(f"{folder} has no folder of an event, such as credential.expiring")
    return found


def _read(home: Path) -> Variant:
    try:
        parts = {part: (home / name).read_text("utf-8") for part, name in _PARTS.items()}
        conditions = json.loads((home / _CONDITIONS_FILE).read_text("utf-8"))
    except OSError as error:
        raise BadFiles(f"{error.filename} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise BadFiles(f"{home}: {error}") from None
    if not isinstance(conditions, dict) or not conditions.keys() <= set(_CONDITIONS):
        raise BadFiles(f"{home / _CONDITIONS_FILE} may name {', '.join(_CONDITIONS)} and nothing else")
    parts["subject"] = parts["subject"].rstrip("\n")
    return {**conditions, **parts}


def changes_of(notifier: ServiceClient, files: Mapping[str, list[Variant]]) -> Iterator[Change]:
    """Yield what applying the files would change, event by event; an event without files is left alone.

    A variant that is as shipped is not saved: it goes on following the shipped one through upgrades.
    """
    for event, variants in files.items():
        current = notifier.get(f"/v1/templates/{event}")
        shipped = [_essence(each) for each in current["shipped"]]
        wanted = [each for each in variants if _essence(each) not in shipped]
        before = {_label(each): each for each in current["variants"]}
        after = {_label(each): each for each in wanted}
        if {name: _essence(each) for name, each in before.items()} != {
            name: _essence(each) for name, each in after.items()
        }:
            # Where nothing is saved for a reader, the shipped variant is what counts.
            under = {_label(each): each for each in current["shipped"]}
            yield Change(event, wanted, list(_differences(event, under | before, under | after)))


def _differences(event: str, before: Mapping[str, Variant], after: Mapping[str, Variant]) -> Iterator[str]:
    for label in sorted(before.keys() | after.keys()):
        for part, name in _PARTS.items():
            old, new = (
                _ended(each[label][part]).splitlines() if label in each else [] for each in (before, after)
            )
            path = f"{event}/{label}/{name}"
            yield from unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm="")


def _essence(variant: Variant) -> Variant:
    """Return what counts of a variant: what it is for and says, without the line ends of files."""
    return {name: variant.get(name) for name in _CONDITIONS if variant.get(name) is not None} | {
        part: _ended(variant[part]) for part in _PARTS
    }


def _label(variant: Variant) -> str:
    """Return a name for a variant by what it is for, the same for what is saved and for files."""
    steps = variant.get("steps")
    parts = [variant.get("language") or "any", variant.get("recipient")]
    parts += [f"type-{variant['type']}" if variant.get("type") else None]
    parts += [f"steps-{steps['from']}-{steps['to']}" if steps else None, variant.get("channel")]
    return ".".join(each for each in parts if each)


def _ended(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"
