"""`licet imports`: what was imported, how far it has come, and ending or undoing it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from licet_cli.following import IMPORTS, in_words
from licet_cli.output import JsonOption, fail, show, table
from licet_cli.target import Against, Deployment, open_target

app = typer.Typer(help="See imports, cancel them, undo them.", no_args_is_help=True)

ImportId = Annotated[str, typer.Argument(metavar="ID", help="Of the import, as licet import says it.")]
Report = Annotated[Path | None, typer.Option(help="Write what became of each row into this CSV file.")]


@app.command("list")
def list_imports(
    most: Annotated[int, typer.Option(min=1, max=500, help="How many, the latest first.")] = 20,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """List imports, the latest first."""
    with open_target(against) as target:
        items = target.service("credentials").get("/v1/imports", limit=most)["items"]
    rows = [["id", "state", "file", "rows", "rejected", "dry run"]]
    rows += [
        [
            item["id"],
            item["state"],
            item["file_name"],
            str(item["total_rows"] or ""),
            str(item["counts"]["rejected"]),
            "yes" if item["dry_run"] else "",
        ]
        for item in items
    ]
    show({"items": items}, as_json, table(rows) if items else "Nothing was imported.")


@app.command("show")
def show_import(
    import_id: ImportId,
    report: Report = None,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Show how far an import has come."""
    with open_target(against) as target:
        service = target.service("credentials")
        job = service.get(f"/v1/imports/{import_id}")
        if report is not None:
            IMPORTS.write_report(service, job, report)
    show(job, as_json, _told(job))


@app.command("cancel")
def cancel(import_id: ImportId, as_json: JsonOption = False, against: Against = Deployment.EMBEDDED) -> None:
    """End an import after the batch in hand. What is done stays; licet imports undo takes it back."""
    with open_target(against) as target:
        service = target.service("credentials")
        job = IMPORTS.follow(service, service.post(f"/v1/imports/{import_id}/cancel"))
    show(job, as_json, _told(job))


@app.command("undo")
def undo(
    import_id: ImportId,
    report: Report = None,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Take back what an import recorded and whom it entered; what has changed since is left."""
    with open_target(against) as target:
        service = target.service("credentials")
        job = IMPORTS.follow(service, service.post(f"/v1/imports/{import_id}/undo"))
        if report is not None:
            IMPORTS.write_report(service, job, report)
    show(job, as_json, _told(job))
    if job["state"] == "failed":
        fail(f"Undoing failed: {job['problem']}")


def _told(job: dict[str, Any]) -> str:
    lines = [f"{job['file_name']}: {job['state']}, {job['done_rows']} of {job['total_rows'] or '?'} rows"]
    lines.append(("It would be: " if job["dry_run"] else "Done: ") + in_words(job["counts"]))
    if any(job["undone"].values()):
        lines.append(f"Undone: {in_words(job['undone'])}")
    lines += [f"Warning: {warning}" for warning in job["warnings"]]
    if job["problem"]:
        lines.append(job["problem"])
    return "\n".join(lines)
