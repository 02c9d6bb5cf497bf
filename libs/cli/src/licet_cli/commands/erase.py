"""`licet erase`: forget a holder everywhere, see who has confirmed it, and do it again after a restore."""

import json
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from licet_cli.erasing import Confirmations, confirmations, read_ids, reapply, wait_for_confirmations
from licet_cli.output import JsonOption, fail, progress, show, table, wrong_use
from licet_cli.target import Against, Deployment, Target, open_target

app = typer.Typer()


@app.command("erase")
def erase(
    holder_id: Annotated[str | None, typer.Argument(metavar="HOLDER", help="The holder's id.")] = None,
    reason: Annotated[str, typer.Option(help="Why: a code, such as asked or retention_ended.")] = "asked",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Wait until all services have confirmed.")] = False,
    again: Annotated[
        bool, typer.Option("--reapply", help="Erase everybody on any service's list again, after a restore.")
    ] = False,
    ids: Annotated[
        Path | None, typer.Option("--from", help="With --reapply: also the ids in this file, one a line.")
    ] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for all services.", min=0)] = 60.0,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Erase a holder in every service, for good; ends 0 when all have confirmed.

    With --status it erases nobody, and tells who is erased; with --json that is the list to keep beside
    the backups.
    """
    if sum((holder_id is not None, status, again)) != 1:
        wrong_use("give either a HOLDER, or --status, or --reapply.")
    if (dry_run and holder_id is None) or (ids is not None and not again):
        wrong_use("--dry-run goes with a HOLDER, --from goes with --reapply.")
    with open_target(against) as target:
        if again:
            _reapply(target, ids)
        if holder_id is not None:
            said = _erase(target, _checked(holder_id), reason, dry_run=dry_run)
            if dry_run:
                show(said, as_json, f"Nothing was erased. This would go: {_counts(said)}")
                return
            progress(f"credentials: {_counts(said)}")
        told = wait_for_confirmations(target, wait, holder_id)
    _tell(told, as_json)


def _checked(holder_id: str) -> str:
    try:
        return str(UUID(holder_id))
    except ValueError:
        wrong_use(f"{holder_id!r} is no holder's id.")


def _erase(target: Target, holder_id: str, reason: str, *, dry_run: bool) -> Any:
    body = {"reason": reason, "dry_run": dry_run}
    return target.service("credentials").post(f"/v1/holders/{holder_id}/erase", body)


def _reapply(target: Target, ids: Path | None) -> None:
    wanted = set(confirmations(target).erased) | set(read_ids(ids) if ids is not None else ())
    for name, count in reapply(target, sorted(wanted)):
        progress(f"{name}: {len(wanted)} erased again, {count} of them were there")


def _tell(told: Confirmations, as_json: bool) -> None:
    items = [
        {"holder_id": holder_id, "erased_at": min(item["erased_at"] for item in by.values()),
         "confirmed_by": sorted(name for name, item in by.items() if not item["left"])}
        for holder_id, by in sorted(told.erased.items())
    ]  # fmt: skip
    waiting = [{"holder_id": each.holder_id, "service": each.service, "why": each.why} for each in told.open]
    rows = [["holder", "erased at", "confirmed by"]]
    rows += [[item["holder_id"], item["erased_at"], ", ".join(item["confirmed_by"])] for item in items]
    show({"items": items, "open": waiting}, as_json, table(rows) if items else "Nobody is erased.")
    if told.open:
        fail("\n  ".join(["Not everything is confirmed:", *map(json.dumps, waiting)]))


def _counts(said: Any) -> str:
    counted = (f"{count} {what.replace('_', ' ')}" for what, count in sorted(said["counts"].items()) if count)
    return ", ".join(counted) or "nothing"
