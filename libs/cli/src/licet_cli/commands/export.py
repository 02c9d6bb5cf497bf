"""`licet export`: everything that all services keep about one holder, as a file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from zipfile import ZIP_DEFLATED, ZipFile

import typer

from licet_cli.client import CommandFailed, Refused, ServiceClient
from licet_cli.output import fail, progress
from licet_cli.target import Against, Deployment, Target, open_target

app = typer.Typer()


@app.command("export")
def export(
    holder_id: Annotated[str, typer.Argument(metavar="HOLDER", help="The holder's id.")],
    to: Annotated[Path | None, typer.Option("--to", help="The file; holder-<id>.zip if left out.")] = None,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Write everything about a holder into a ZIP: data, images, and what the other services keep.

    Who took it is recorded. The file is readable by its owner only, and must not be there yet.
    """
    path = to or Path(f"holder-{holder_id}.zip")
    with open_target(against) as target, _new(path):
        target.service("credentials").download(f"/v1/holders/{holder_id}/export", path)
        with ZipFile(path, "a", ZIP_DEFLATED) as archive:
            for name, kept in _elsewhere(target, json.loads(archive.read("data.json"))).items():
                archive.writestr(f"{name}.json", json.dumps(kept, indent=2, ensure_ascii=False))
    progress(f"{path}: {path.stat().st_size:,} bytes")


@contextmanager
def _new(path: Path) -> Iterator[None]:
    try:
        path.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        fail(f"{path} can't be written: {error.strerror}")
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)  # half a copy would be taken for a whole one
        raise


def _timeline(service: ServiceClient, holder_id: str, target: str) -> list[Any]:
    try:
        return [service.get(f"/v1/eligibility/{holder_id}", target=target)]
    except Refused as error:
        if error.status == 404:  # it has not heard of the holder yet, so it keeps nothing
            return []
        raise


def _elsewhere(target: Target, data: Any) -> dict[str, Any]:
    """Return what the services keep that learn of holders from events."""
    holder = data["holders"][0]
    targets = [f"role:{code}" for code in holder["roles"]] + [f"queue:{code}" for code in holder["queues"]]
    eligibility, timers = target.service("certifications"), target.service("scheduler")
    persons = [each["id"] for each in data["holders"]]
    try:
        return {
            "certifications": [
                timeline for each in targets for timeline in _timeline(eligibility, holder["id"], each)
            ],
            "scheduler": [
                timer
                for credential in data["credentials"]
                for timer in timers.items("/v1/timers", credential_id=credential["id"])
            ],
            "notifier": [
                note
                for person in persons
                for note in target.service("notifier").items("/v1/notifications", holder_id=person)
            ],
        }
    except CommandFailed as error:
        raise CommandFailed(f"{error}\nNo copy was written: it would not be complete.") from None
