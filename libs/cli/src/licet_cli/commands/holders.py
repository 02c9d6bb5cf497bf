"""`licet holders`: what is done with many holders at once."""

from typing import Annotated, Any

import typer

from licet_cli.output import JsonOption, progress, show, table, wrong_use
from licet_cli.target import Against, Deployment, open_target
from licet_events.forms import INSTANT

app = typer.Typer(help="Find and deactivate those whom a complete feed has left out.", no_args_is_help=True)


@app.callback()
def _root() -> None:
    pass  # without a callback the one command would take the place of `licet holders` itself


@app.command("leavers")
def leavers(
    since: Annotated[str, typer.Option("--since", help="When the feed began (RFC 3339).")],
    reason: Annotated[str, typer.Option("--reason", help="The code that history and events tell.")],
    kind: Annotated[str, typer.Option("--kind", help="Whom the feed is about.")] = "employee",
    at_most: Annotated[
        int, typer.Option("--at-most", help="More than this are a feed that broke off: nothing is done.")
    ] = 100,
    deactivate: Annotated[
        bool, typer.Option("--deactivate", help="Do it; otherwise they are only listed.")
    ] = False,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """List holders whom a feed has not named since it began, or deactivate them. Safe to repeat."""
    if not INSTANT.fits(since):
        wrong_use(f"{since!r} is no instant with its offset, such as 2026-03-01T02:00:00Z.")
    wanted = {"kind": kind, "absent_since": since, "reason": reason, "at_most": at_most}
    items: list[dict[str, Any]] = []
    with open_target(against) as target:
        service = target.service("credentials")
        while True:
            found = service.post("/v1/holders/leavers", wanted | {"dry_run": not deactivate})
            items += found["items"]
            if not found["deactivated"] or not found["remaining"]:
                break
            progress(f"{len(items)} deactivated, {found['remaining']} to go")
    rows = [["external id", "name", "team", "last named"]]
    rows += [
        [item["external_id"], item["name"], item["team"] or "", item["named_at"] or "never"] for item in items
    ]
    absent = len(items) if deactivate else found["absent"]
    said = f"{absent} {'deactivated' if deactivate else 'would be deactivated'}."
    text = f"{table(rows)}\n{said}" if items else "Nobody is absent."
    show({"items": items, "absent": absent, "dry_run": not deactivate}, as_json, text)
