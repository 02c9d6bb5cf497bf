"""`licet import`: a file of an inventory, CSV or a workbook, with a report per row."""

from pathlib import Path
from typing import Annotated

import typer

from licet_cli.following import IMPORTS, in_words
from licet_cli.output import JsonOption, fail, progress, show
from licet_cli.target import Against, Deployment, open_target
from licet_events.ids import uuid7

app = typer.Typer()

_UPLOAD_TIMEOUT = 3600.0


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The CSV file, XLSX or XLS.")],
    mapping: Annotated[str, typer.Option(help="The name of a known mapping, or a TOML file with one.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen, and do nothing.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Where the report goes; FILE.report.csv if left out.")
    ] = None,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Import a CSV FILE or workbook of credentials. Safe to repeat; ends 1 if a row was rejected."""
    chosen = Path(mapping).read_text(encoding="utf-8-sig") if Path(mapping).is_file() else mapping
    target_report = report or Path(f"{file.name}.report.csv")
    with open_target(against) as target:
        service = target.service("credentials")
        with file.open("rb") as opened:
            job = service.send(
                "POST",
                "/v1/imports",
                headers={"Idempotency-Key": str(uuid7())},
                files={"file": (file.name, opened, "text/csv")},
                data={"mapping": chosen, "dry_run": str(dry_run).lower()},
                timeout=_UPLOAD_TIMEOUT,
            ).json()
        for warning in job["warnings"]:
            progress(f"Warning: {warning}")
        job = IMPORTS.follow(service, job)
        IMPORTS.write_report(service, job, target_report)
    if job["state"] == "failed":
        fail(f"The import failed: {job['problem']} Report: {target_report}")
    counts: dict[str, int] = job["counts"]
    heading = "It would be" if dry_run else "Done" if job["state"] == "finished" else "Cancelled, done so far"
    show(
        job,
        as_json,
        f"{heading}: {job['total_rows']} rows, {in_words(counts)}.\n"
        f"Import: {job['id']}\nReport: {target_report}",
    )
    if job["state"] != "finished":
        fail(f"The import was cancelled; licet imports undo {job['id']} takes back what it did.")
    if counts["rejected"]:
        fail(f"{counts['rejected']} rows were rejected; {target_report} says which and why.")
