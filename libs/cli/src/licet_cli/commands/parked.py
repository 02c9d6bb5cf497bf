"""`licet parked`: records that could not be handled, and carrying them out again."""

from typing import Annotated

import typer

from licet_cli.embedded.state import SERVICES
from licet_cli.output import JsonOption, fail, progress, show, table, wrong_use
from licet_cli.target import Against, Deployment, open_target

app = typer.Typer(help="See records that could not be handled, and replay them.", no_args_is_help=True)


@app.command("list")
def list_parked(as_json: JsonOption = False, against: Against = Deployment.EMBEDDED) -> None:
    """List parked records of every service, oldest first."""
    with open_target(against) as target:
        items = [
            {"id": f"{name}/{item.pop('id')}", **item}
            for name in SERVICES
            for item in target.service(name).items("/v1/parked")
        ]
    rows = [["id", "topic", "partition", "offset", "attempts", "reason"]]
    rows += [[str(item[name]) for name in rows[0]] for item in items]
    show({"items": items}, as_json, table(rows) if items else "Nothing is parked.")


@app.command("show")
def show_parked(parked_id: str, as_json: JsonOption = False, against: Against = Deployment.EMBEDDED) -> None:
    """Show one parked record with its bytes; its ID is as licet parked list shows it: SERVICE/NUMBER."""
    service, number = _split(parked_id)
    with open_target(against) as target:
        record = target.service(service).get(f"/v1/parked/{number}")
    headers = "\n".join(f"  {name}: {value}" for name, value in record["headers"].items())
    where = f"{record['topic']} {record['partition']}/{record['offset']}"
    text = "\n".join([where, record["reason"], f"key: {record['key']}", headers, str(record["value"])])
    show(record, as_json, text)


@app.command("replay")
def replay(
    parked_id: Annotated[
        list[str] | None, typer.Argument(help="SERVICE/NUMBER; all records if left out.")
    ] = None,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Carry out parked records again, oldest first for each key. Safe to repeat."""
    named: dict[str, list[int]] = {}
    for service, number in map(_split, parked_id or []):
        named.setdefault(service, []).append(number)
    wanted: dict[str, list[int] | None] = {**named} if parked_id else dict.fromkeys(SERVICES)
    left = 0
    with open_target(against) as target:
        for name, ids in wanted.items():
            result = target.service(name).post("/v1/parked/replay", {"ids": ids})
            progress(f"{name}: {result['replayed']} replayed, {result['still_parked']} still parked")
            left += result["still_parked"]
    if left:
        fail("Some records failed again; licet parked list says why.")


def _split(parked_id: str) -> tuple[str, int]:
    service, _, number = parked_id.partition("/")
    if service not in SERVICES or not number.isdecimal():
        wrong_use(f"{parked_id!r} is no parked record; ids look like notifier/12, see licet parked list.")
    return service, int(number)
