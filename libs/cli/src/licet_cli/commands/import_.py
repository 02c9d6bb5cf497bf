"""`licet import`: a CSV file of an inventory, with a report per row."""

import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from licet_cli.client import ServiceClient
from licet_cli.output import JsonOption, fail, progress, show
from licet_cli.target import Against, Deployment, open_target

app = typer.Typer()

_UPLOAD_TIMEOUT = 600.0
_PATIENCE = 4 * 3600.0
"""Seconds without any progress after which an import counts as stuck."""


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The CSV file.")],
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
    """Import a CSV FILE of holders, credentials and terms. Safe to repeat; ends 1 if a row was rejected."""
    chosen = Path(mapping).read_text(encoding="utf-8") if Path(mapping).is_file() else mapping
    target_report = report or Path(f"{file.name}.report.csv")
    with open_target(against) as target:
        service = target.service("credentials")
        job = service.send(
            "POST",
            "/v1/imports",
            files={"file": (file.name, file.read_bytes(), "text/csv")},
            data={"mapping": chosen, "dry_run": str(dry_run).lower()},
            timeout=_UPLOAD_TIMEOUT,
        ).json()
        job = _follow(service, job)
        if job["state"] != "finished":
            fail(f"The import failed: {job['problem']}")
        _write_report(target_report, service.items(f"/v1/imports/{job['id']}/rows"))
    counts: dict[str, int] = job["counts"]
    words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    heading = "It would be" if dry_run else "Done"
    show(
        job,
        as_json,
        f"{heading}: {job['total_rows']} rows, {words or 'nothing to do'}.\nReport: {target_report}",
    )
    if counts["rejected"]:
        fail(f"{counts['rejected']} rows were rejected; {target_report} says which and why.")


def _follow(service: ServiceClient, job: dict[str, Any]) -> dict[str, Any]:
    moved_at, last = time.monotonic(), -1.0
    while job["state"] in {"queued", "running"}:
        if job["progress"] != last:
            moved_at, last = time.monotonic(), job["progress"]
            progress(f"{last:4.0%} of {job['total_rows'] or '?'} rows")
        if time.monotonic() - moved_at > _PATIENCE:
            fail(f"The import {job['id']} makes no progress; it goes on by itself when the service does.")
        time.sleep(0.3)
        job = service.get(f"/v1/imports/{job['id']}")
    return job


def _write_report(report: Path, rows: Iterator[dict[str, Any]]) -> None:
    with report.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(["line", "outcome", "credential_id", "column", "value", "detail"])
        for row in rows:
            for error in row["errors"] or [{}]:
                writer.writerow(
                    [row["line"], row["outcome"], row["credential_id"] or ""]
                    + [_safe(str(error.get(name, ""))) for name in ("column", "value", "detail")]
                )


def _safe(cell: str) -> str:
    """Keep a spreadsheet from taking what a file said for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
