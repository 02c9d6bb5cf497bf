"""`licet templates`: the words of mails, as files that are reviewed like code."""

from pathlib import Path
from typing import Annotated

import typer

from licet_cli.client import Refused
from licet_cli.letters import BadFiles, Change, changes_of, read_files, write_files
from licet_cli.output import JsonOption, fail, progress, show, wrong_use
from licet_cli.target import Against, Deployment, open_target

app = typer.Typer(help="Keep the templates of mails in files.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="A folder of templates, as export writes it.")]
Note = Annotated[str | None, typer.Option("--note", help="Why, for the versions that are saved.")]


@app.command("export")
def export(
    folder: Folder,
    own: Annotated[bool, typer.Option("--own", help="Only your own variants, not the shipped ones.")] = False,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Write the templates that count into FOLDER: your own, and the shipped ones that they lie over."""
    written: list[str] = []
    with open_target(against) as target:
        notifier = target.service("notifier")
        for event in [each["event"] for each in notifier.items("/v1/templates")]:
            template = notifier.get(f"/v1/templates/{event}")
            variants = {each["label"]: each for each in ([] if own else template["shipped"])}
            variants |= {each["label"]: each for each in template["variants"]}
            written += [str(home) for home in write_files(folder, event, list(variants.values()))]
    show({"items": written}, as_json, f"{len(written)} variants were written to {folder}")


@app.command("plan")
def plan(folder: Folder, as_json: JsonOption = False, against: Against = Deployment.EMBEDDED) -> None:
    """Show what applying FOLDER would change, and check it; ends 1 where something is refused."""
    changes, refused = _work_through(folder, against, None, dry_run=True)
    _show(changes, as_json)
    _end(refused)


@app.command("apply")
def apply(
    folder: Folder, note: Note = None, as_json: JsonOption = False, against: Against = Deployment.EMBEDDED
) -> None:
    """Save what FOLDER says of each event in it; what is as shipped is left to the shipped variants.

    Each event is one request: after a refusal the others are still tried, and the command ends 1.
    """
    changes, refused = _work_through(folder, against, note, dry_run=False)
    _show(changes, as_json)
    _end(refused)


def _work_through(
    folder: Path, against: Deployment, note: str | None, *, dry_run: bool
) -> tuple[list[Change], int]:
    if not folder.is_dir():
        wrong_use(f"{folder} is no folder")
    try:
        files = read_files(folder)
    except BadFiles as error:
        wrong_use(str(error))
    changes, refused = [], 0
    with open_target(against) as target:
        notifier = target.service("notifier")
        for change in changes_of(notifier, files):
            changes.append(change)
            body = {"variants": change.variants, "dry_run": dry_run} | ({"note": note} if note else {})
            try:
                notifier.put(f"/v1/templates/{change.event}", body)
            except Refused as error:
                refused += 1
                progress(f"{change.event}: {error}")
    return changes, refused


def _show(changes: list[Change], as_json: bool) -> None:
    items = [{"event": each.event, "diff": "\n".join(each.lines)} for each in changes]
    lines = [line for each in changes for line in each.lines]
    show({"items": items}, as_json, "\n".join(lines) or "nothing to do: the templates are as the files say")


def _end(refused: int) -> None:
    if refused:
        fail(f"{refused} events were refused; put the files right and try again")
