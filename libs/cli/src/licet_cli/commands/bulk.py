"""`licet bulk`: one action on many credentials, with a report for each."""

from pathlib import Path
from typing import Annotated, Any

import typer

from licet_cli.following import BULKS, in_words
from licet_cli.output import JsonOption, fail, show, table, wrong_use
from licet_cli.target import Against, Deployment, open_target

app = typer.Typer(help="Renew, suspend, move or void many credentials at once.", no_args_is_help=True)

_SEVERAL = {"validity"}
_ATTRIBUTE = "attr."

Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="Those that the list of credentials finds by it, such as type=first-aid, team=red, "
        "validity=expiring,grace, expires_to=2027-03-31, attr.class=CE. All conditions together.",
    ),
]
Ids = Annotated[list[str] | None, typer.Option("--id", metavar="ID", help="This one; may come often.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would come of each, and do nothing.")]
Report = Annotated[Path | None, typer.Option(help="Where the report goes; bulk-ID.report.csv if left out.")]
Reason = Annotated[str, typer.Option(help="The code that history and events tell.")]
Note = Annotated[str | None, typer.Option(help="Words for the history.")]
BulkId = Annotated[str, typer.Argument(metavar="ID", help="Of the bulk action.")]


@app.command("renew")
def renew(
    where: Where = None,
    ids: Ids = None,
    expires_on: Annotated[str | None, typer.Option(help="The expiry date that each prints then.")] = None,
    expires_on_month: Annotated[
        str | None, typer.Option(help="The month, YYYY-MM, where each prints no more.")
    ] = None,
    unusual: Annotated[
        bool, typer.Option("--unusual", help="The documents do end more than three validities ahead.")
    ] = False,
    mode: Annotated[
        str | None, typer.Option(help="from_expiry, from_completion or fixed_date; else as the type says.")
    ] = None,
    completed_on: Annotated[str | None, typer.Option(help="The day on which it was earned.")] = None,
    valid_from: Annotated[str | None, typer.Option(help="The day on which each begins.")] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also before the window, or for a term that is over; needs a reason."),
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why it is forced.")] = None,
    notes: Note = None,
    dry_run: DryRun = False,
    report: Report = None,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Renew each. Ends 1 if one was refused."""
    said = {
        "expires_on": expires_on, "expires_on_month": expires_on_month, "unusual": unusual or None,
        "mode": mode, "completed_on": completed_on, "valid_from": valid_from,
        "force": force or None, "reason": reason, "notes": notes,
    }  # fmt: skip
    _act("renew", said, _selection(where, ids), dry_run, report, as_json, against)


@app.command("suspend")
def suspend(
    reason: Reason,
    where: Where = None,
    ids: Ids = None,
    effective_from: Annotated[str | None, typer.Option(help="A day or an instant; now if left out.")] = None,
    until: Annotated[str | None, typer.Option(help="A day or an instant; open if left out.")] = None,
    note: Note = None,
    dry_run: DryRun = False,
    report: Report = None,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Suspend each. Ends 1 if one was refused."""
    said = {"reason": reason, "note": note, "effective_from": effective_from, "until": until}
    _act("suspend", said, _selection(where, ids), dry_run, report, as_json, against)


@app.command("reassign")
def reassign(
    to: Annotated[str, typer.Option("--to", metavar="HOLDER", help="The id of whose they are.")],
    reason: Reason,
    where: Where = None,
    ids: Ids = None,
    note: Note = None,
    dry_run: DryRun = False,
    report: Report = None,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Move each, entered under somebody else, to whose it is. Ends 1 if one was refused."""
    said = {"holder_id": to, "reason": reason, "note": note}
    _act("reassign", said, _selection(where, ids), dry_run, report, as_json, against)


@app.command("void")
def void(
    reason: Reason,
    where: Where = None,
    ids: Ids = None,
    note: Note = None,
    dry_run: DryRun = False,
    report: Report = None,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Mark each as entered in error. Ends 1 if one was refused."""
    said = {"reason": reason, "note": note}
    _act("void", said, _selection(where, ids), dry_run, report, as_json, against)


@app.command("list")
def list_bulks(
    most: Annotated[int, typer.Option(min=1, max=500, help="How many, the latest first.")] = 20,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """List bulk actions, the latest first."""
    with open_target(against) as target:
        items = target.service("credentials").get(BULKS.path, limit=most)["items"]
    rows = [["id", "action", "state", "credentials", "refused", "dry run"]]
    rows += [
        [
            item["id"], next(iter(item["action"])), item["state"], str(item["total"]),
            str(item["counts"]["refused"]), "yes" if item["dry_run"] else "",
        ]
        for item in items
    ]  # fmt: skip
    show({"items": items}, as_json, table(rows) if items else "Nothing was done to many.")


@app.command("show")
def show_bulk(
    bulk_id: BulkId,
    report: Annotated[Path | None, typer.Option(help="Write what came of each into this CSV file.")] = None,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Show how far a bulk action has come."""
    with open_target(against) as target:
        service = target.service("credentials")
        job = service.get(f"{BULKS.path}/{bulk_id}")
        if report is not None:
            BULKS.write_report(service, job, report)
    show(job, as_json, _told(job))


@app.command("cancel")
def cancel(bulk_id: BulkId, as_json: JsonOption = False, against: Against = Deployment.EMBEDDED) -> None:
    """End a bulk action after the credential in hand. What is done stays."""
    with open_target(against) as target:
        job = target.service("credentials").post(f"{BULKS.path}/{bulk_id}/cancel")
    show(job, as_json, _told(job))


def _selection(where: list[str] | None, ids: list[str] | None) -> dict[str, Any]:
    """Return which credentials are meant, as the service wants it; ends the command where it is unclear."""
    if bool(where) == bool(ids):
        wrong_use("Say which: either --where NAME=VALUE or --id ID, each as often as needed.")
    if ids:
        return {"ids": ids}
    conditions: dict[str, Any] = {}
    for condition in where or ():
        name, equals, value = condition.partition("=")
        if not equals or not name or not value:
            wrong_use(f"{condition!r} is no condition; write NAME=VALUE.")
        if name.startswith(_ATTRIBUTE):
            conditions.setdefault("attributes", {})[name.removeprefix(_ATTRIBUTE)] = value
        elif name in conditions:
            wrong_use(f"{name} is said twice; write several values with commas, where it takes several.")
        else:
            conditions[name] = value.split(",") if name in _SEVERAL else value
    return {"filter": conditions}


def _act(
    action: str,
    said: dict[str, Any],
    selection: dict[str, Any],
    dry_run: bool,
    report: Path | None,
    as_json: bool,
    against: Deployment,
) -> None:
    values = {name: value for name, value in said.items() if value is not None}
    with open_target(against) as target:
        service = target.service("credentials")
        asked = {action: values, **selection, "dry_run": dry_run}
        job = BULKS.follow(service, service.post(BULKS.path, asked))
        target_report = report or Path(f"bulk-{job['id']}.report.csv")
        BULKS.write_report(service, job, target_report)
    show(job, as_json, f"{_told(job)}\nBulk action: {job['id']}\nReport: {target_report}")
    if job["state"] != "finished":
        fail("The bulk action was cancelled; what was done stays.")
    not_done = job["counts"]["refused"] + job["counts"]["failed"]
    if not_done:
        fail(f"{not_done} of {job['total']} were not done; {target_report} says which and why.")


def _told(job: dict[str, Any]) -> str:
    heading = "It would be" if job["dry_run"] else "Done" if job["state"] == "finished" else job["state"]
    return f"{heading}: {job['total']} credentials, {in_words(job['counts'])}"
