"""An import, as it goes on: its progress, its end, its report."""

import time
from pathlib import Path
from typing import Any

from licet_cli.client import ServiceClient
from licet_cli.output import fail, progress

_OPEN = {"queued", "running", "cancelling", "undoing"}
_PATIENCE = 4 * 3600.0
"""Seconds without any progress after which an import counts as stuck."""


def follow(service: ServiceClient, job: dict[str, Any]) -> dict[str, Any]:
    """Say how far an import comes, until nothing more happens to it by itself; returns it then.

    Whoever breaks off only stops looking: the import goes on in the service.
    """
    moved_at, last = time.monotonic(), ""
    try:
        while job["state"] in _OPEN:
            said = _said(job)
            if said != last:
                moved_at, last = time.monotonic(), said
                progress(said)
            if time.monotonic() - moved_at > _PATIENCE:
                fail(f"The import {job['id']} makes no progress; it goes on by itself when the service does.")
            time.sleep(0.3)
            job = service.get(f"/v1/imports/{job['id']}")
    except KeyboardInterrupt:
        fail(f"The import goes on; licet imports cancel {job['id']} ends it.", code=130)
    return job


def _said(job: dict[str, Any]) -> str:
    if job["state"] == "running":
        return f"{job['progress']:4.0%} of {job['total_rows']} rows, {job['counts']['rejected']} rejected"
    if job["state"] == "undoing":
        return f"undoing: {in_words(job['undone'])}"
    return {"queued": "reading the file", "cancelling": "cancelling"}[job["state"]]


def in_words(counts: dict[str, int]) -> str:
    """Return what was counted, without what is none."""
    words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    return words or "nothing to do"


def write_report(service: ServiceClient, job: dict[str, Any], report: Path) -> None:
    """Write what became of each row into a CSV file, with a line for each error."""
    service.download(f"/v1/imports/{job['id']}/rows", report, accept="text/csv")
