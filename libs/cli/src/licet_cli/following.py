"""A job of the credentials service, as it goes on: its progress, its end, its report."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from licet_cli.client import ServiceClient
from licet_cli.output import fail, progress

_OPEN = {"queued", "running", "cancelling", "undoing"}
_PATIENCE = 4 * 3600.0
"""Seconds without any progress after which a job counts as stuck."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """One kind of job: what it is called, where it is, by which command it is cancelled."""

    noun: str
    path: str
    command: str
    said: Callable[[dict[str, Any]], str]
    """How far one has come."""

    def follow(self, service: ServiceClient, job: dict[str, Any]) -> dict[str, Any]:
        """Say how far a job comes, until nothing more happens to it by itself; returns it then.

        Whoever breaks off only stops looking: the job goes on in the service.
        """
        moved_at, last = time.monotonic(), ""
        try:
            while job["state"] in _OPEN:
                said = self.said(job)
                if said != last:
                    moved_at, last = time.monotonic(), said
                    progress(said)
                if time.monotonic() - moved_at > _PATIENCE:
                    fail(f"The {self.noun} {job['id']} makes no progress; it goes on when the service does.")
                time.sleep(0.3)
                job = service.get(f"{self.path}/{job['id']}")
        except KeyboardInterrupt:
            fail(f"The {self.noun} goes on; {self.command} cancel {job['id']} ends it.", code=130)
        return job

    def write_report(self, service: ServiceClient, job: dict[str, Any], report: Path) -> None:
        """Write what became of each row or credential into a CSV file."""
        service.download(f"{self.path}/{job['id']}/rows", report, accept="text/csv")


def in_words(counts: dict[str, int]) -> str:
    """Return what was counted, without what is none."""
    words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    return words or "nothing to do"


def _import_said(job: dict[str, Any]) -> str:
    if job["state"] == "running":
        return f"{job['progress']:4.0%} of {job['total_rows']} rows, {job['counts']['rejected']} rejected"
    if job["state"] == "undoing":
        return f"undoing: {in_words(job['undone'])}"
    return {"queued": "reading the file", "cancelling": "cancelling"}[job["state"]]


def _bulk_said(job: dict[str, Any]) -> str:
    return f"{job['progress']:4.0%} of {job['total']} credentials, {job['counts']['refused']} refused"


IMPORTS = Jobs("import", "/v1/imports", "licet imports", _import_said)
BULKS = Jobs("bulk action", "/v1/credentials/bulk", "licet bulk", _bulk_said)
