"""`licet erase`: forget a holder everywhere, see who has confirmed it, and do it again after a restore."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from licet_cli.erasing import Confirmations, confirmations, read_ids, reapply, wait_for_confirmations
from licet_cli.log_scan import left_in_log
from licet_cli.output import JsonOption, fail, progress, show, table, wrong_use
from licet_cli.target import Against, Deployment, Target, open_target

app = typer.Typer()

_LONGEST_IN_LOG = timedelta(days=30)
"""The promise of `deploy/topics.toml`; a broker that does not compact, as the embedded one, keeps it not."""


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

    With --status it erases nobody, and tells who is erased and whether the log itself still has records of
    them, until Kafka compacts it; with --json that is the list to keep beside the backups.
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
        left = asyncio.run(left_in_log(target.kafka_url, list(told.erased))) if status else {}
    _tell(told, left, as_json)


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


def _tell(told: Confirmations, left: Mapping[str, int], as_json: bool) -> None:
    items = [
        {"holder_id": holder_id, "erased_at": min(item["erased_at"] for item in by.values()),
         "confirmed_by": sorted(name for name, item in by.items() if not item["left"]),
         **_log_of(holder_id, max(item["erased_at"] for item in by.values()), left)}
        for holder_id, by in sorted(told.erased.items())
    ]  # fmt: skip
    waiting = [{"holder_id": each.holder_id, "service": each.service, "why": each.why} for each in told.open]
    rows = [["holder", "erased at", "confirmed by", *(["in the log"] if left else [])]]
    rows += [
        [item["holder_id"], item["erased_at"], ", ".join(item["confirmed_by"]), *_log_text(item)]
        for item in items
    ]
    show({"items": items, "open": waiting}, as_json, table(rows) if items else "Nobody is erased.")
    if told.open:
        fail("\n  ".join(["Not everything is confirmed:", *map(json.dumps, waiting)]))


def _log_of(holder_id: str, erased_at: str, left: Mapping[str, int]) -> dict[str, Any]:
    """Return what the log still has of a holder, and by when it is gone; nothing if the log was not read."""
    if holder_id not in left:
        return {}
    gone_by = (datetime.fromisoformat(erased_at) + _LONGEST_IN_LOG).date().isoformat()
    return {"left_in_log": left[holder_id], "log_gone_by": gone_by if left[holder_id] else None}


def _log_text(item: dict[str, Any]) -> list[str]:
    if "left_in_log" not in item:
        return []
    count = item["left_in_log"]
    return [f"{count} records, until {item['log_gone_by']} at the latest" if count else "nothing any more"]


def _counts(said: Any) -> str:
    counted = (f"{count} {what.replace('_', ' ')}" for what, count in sorted(said["counts"].items()) if count)
    return ", ".join(counted) or "nothing"
