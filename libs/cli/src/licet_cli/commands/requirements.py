"""`licet requirements`: what work needs, as a file that is reviewed like code."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from licet_cli.client import ServiceClient
from licet_cli.clock import read_business_time
from licet_cli.output import JsonOption, fail, progress, show
from licet_cli.rules import Change, apply_change, changes_of, read_rules
from licet_cli.target import Against, Deployment, open_target

app = typer.Typer(help="Keep requirements in a TOML file.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="A TOML file of requirements.", exists=True, dir_okay=False)]
Prune = Annotated[
    bool,
    typer.Option("--prune", help="End, with today, requirements with a code that the file does not have."),
]


@app.command("plan")
def plan(
    file: File, prune: Prune = False, as_json: JsonOption = False, against: Against = Deployment.EMBEDDED
) -> None:
    """Show what FILE would change; nothing is changed."""
    rules = read_rules(file)
    with open_target(against) as target:
        changes = _changes(target.service("certifications"), rules, prune=prune)
    _show(changes, as_json)


@app.command("apply")
def apply(
    file: File,
    prune: Prune = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Make the deployment's requirements what FILE says; what is so already stays as it is.

    Each requirement is one request: after a refusal the others are still tried, and the command ends 1.
    """
    rules = read_rules(file)
    refused = 0
    with open_target(against) as target:
        certifications = target.service("certifications")
        changes = _changes(certifications, rules, prune=prune)
        _show(changes, as_json)
        for change in changes:
            if dry_run or change.action not in {"create", "change", "end"}:
                continue
            reason = apply_change(certifications, change)
            if reason is not None:
                refused += 1
                progress(f"{change.code}: {reason}")
    if refused:
        fail(f"{refused} of {len(changes)} were refused; put the file right and apply it again")


def _changes(
    certifications: ServiceClient, rules: Mapping[str, Mapping[str, Any]], *, prune: bool
) -> list[Change]:
    now = read_business_time(certifications)
    return changes_of(rules, certifications.items("/v1/requirements"), prune=prune, now=now)


def _show(changes: list[Change], as_json: bool) -> None:
    lines = []
    for change in changes:
        lines.append(f"{change.action:9} {change.code}")
        for name, (before, after) in sorted(change.fields.items()):
            if change.action == "change":
                lines.append(f"          - {name} = {json.dumps(before)}")
            lines.append(f"          + {name} = {json.dumps(after)}")
    counts = {
        name: sum(one.action == name for one in changes) for name in ("create", "change", "end", "unchanged")
    }
    lines.append(", ".join(f"{number} to {name}" for name, number in counts.items() if name != "unchanged")
                 + f", {counts['unchanged']} unchanged")  # fmt: skip
    document = {
        "items": [
            {"code": one.code, "action": one.action, "id": one.id, "fields": {
                name: {"before": before, "after": after} for name, (before, after) in one.fields.items()
            }}
            for one in changes
        ]
    }  # fmt: skip
    show(document, as_json, "\n".join(lines))
