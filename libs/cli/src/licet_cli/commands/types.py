"""`licet types`: starter catalogues of real-world credential types."""

from typing import Annotated, Any

import typer

from licet_cli.output import JsonOption, show, table
from licet_cli.target import Against, Deployment, open_target

app = typer.Typer(help="See and load starter catalogues of credential types.", no_args_is_help=True)

_CATALOGUES = "/v1/credential-types/catalogues"


@app.command("catalogues")
def list_catalogues(as_json: JsonOption = False, against: Against = Deployment.EMBEDDED) -> None:
    """List the catalogues that are shipped, with the codes of their types."""
    with open_target(against) as target:
        answer = target.service("credentials").get(_CATALOGUES)
    rows = [["name", "title", "types"]]
    rows += [[item["name"], item["title"], ", ".join(item["types"])] for item in answer["items"]]
    show(answer, as_json, table(rows))


@app.command("load")
def load(
    name: Annotated[str, typer.Argument(help="The catalogue's name; see licet types catalogues.")],
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only the type of this code; may be repeated.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen, and do nothing.")
    ] = False,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Define those types of the catalogue NAME that there are not yet. Safe to repeat.

    A type that there is stays as it is; those whose rules differ are named.
    """
    body: dict[str, Any] = {"dry_run": dry_run}
    if types:
        body["types"] = types
    with open_target(against) as target:
        answer = target.service("credentials").post(f"{_CATALOGUES}/{name}", body)
    show(answer, as_json, _report(answer))


def _report(answer: dict[str, Any]) -> str:
    rows = [["code", "outcome", "", "name"]]
    for item in answer["items"]:
        remark = ", ".join(item["differences"])
        if item["aliases_taken"]:
            remark = f"without alias {', '.join(item['aliases_taken'])}"
        rows.append([item["code"], item["outcome"], remark, item["name"]])
    counts = ", ".join(f"{count} {outcome}" for outcome, count in answer["counts"].items() if count)
    heading = "It would be" if answer["dry_run"] else "Done"
    return f"{table(rows)}\n{heading}: {counts}."
