"""Write everything that is generated from the contract, or check that it is up to date."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import licet_events
from licet_events.generate.asyncapi import asyncapi
from licet_events.generate.reference import reference
from licet_events.generate.schemas import schema_of
from licet_events.types import EVENT_TYPES

PACKAGE = Path(licet_events.__file__).parent


def checkout_of(package: Path) -> Path | None:
    """Return the root of the checkout that the package lies in; `None` where it is installed."""
    root = package.parents[3] if len(package.parents) > 3 else None
    return root if root and root / "libs/events/src/licet_events" == package else None


def generated(package: Path, checkout: Path | None) -> dict[Path, str]:
    """Return the text of every generated file, by its path."""
    texts = {
        package / "schemas" / f"{event_type}.json": _json(schema_of(model))
        for event_type, model in EVENT_TYPES.items()
    }
    if checkout:
        texts[package / "asyncapi.json"] = _json(asyncapi(_examples(checkout / "tests/contract/golden")))
        texts[checkout / "docs/reference/events.md"] = reference()
    return texts


def _examples(golden: Path) -> dict[str, Any]:
    """Return the newest record of each type that is kept for the tests of the contract."""
    examples = {}
    for path in sorted(golden.glob("*.json"), key=lambda path: (len(path.name), path.name)):
        record = json.loads(path.read_text(encoding="utf-8"))
        headers = dict(record["headers"])
        value = None if record["value"] is None else json.loads(record["value"])
        examples[headers["ce_type"]] = {"name": f"Key {record['key']}", "headers": headers, "payload": value}
    return examples


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def differences(texts: Mapping[Path, str], schemas: Path) -> list[str]:
    """Return a line for each file that is missing, differs, or is a schema of no published type."""
    found = []
    for path, text in texts.items():
        if not path.exists():
            found.append(f"{path} is missing")
        elif path.read_text(encoding="utf-8") != text:
            found.append(f"{path} differs")
    found += [f"{path} is the schema of no type" for path in schemas.glob("*.json") if path not in texts]
    return found


def main(arguments: Sequence[str] | None = None, package: Path = PACKAGE) -> int:
    """Run the command; returns its exit status: 1 if `--check` finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m licet_events.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name what differs")
    check: bool = parser.parse_args(arguments).check
    schemas = package / "schemas"
    texts = generated(package, checkout_of(package))
    if check:
        found = differences(texts, schemas)
        for line in found:
            sys.stderr.write(f"{line}; run python -m licet_events.generate\n")
        return 1 if found else 0
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in schemas.glob("*.json"):
        if path not in texts:
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
