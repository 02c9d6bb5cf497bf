"""`licet forecast`: which mails will go to whom on which day."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from licet_cli.durations import parse_duration
from licet_cli.output import JsonOption, progress, show, table, wrong_use
from licet_cli.target import Against, Deployment, open_target

app = typer.Typer()

_SHOWN = 100


@app.command("forecast")
def forecast(
    duration: Annotated[str, typer.Argument(help="How far ahead, such as 30d.")] = "30d",
    team: Annotated[str | None, typer.Option("--team", help="Only about holders of this team.")] = None,
    recipient: Annotated[
        str | None, typer.Option("--recipient", help="Only to this address or holder's id.")
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Where to write every line.")] = None,
    as_json: JsonOption = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Foresee the reminders that will be sent if nothing changes, by day."""
    try:
        length = parse_duration(duration)
    except ValueError as error:
        wrong_use(str(error))
    with open_target(against) as target:
        notifier = target.service("notifier")
        now = datetime.fromisoformat(notifier.get("/v1/work")["now"])
        period = {"from": now.date().isoformat(), "to": (now + length).date().isoformat()}
        only = {name: value for name, value in (("team", team), ("recipient", recipient)) if value}
        days = list(notifier.items("/v1/forecast/days", **period, **only))
        items = list(notifier.items("/v1/forecast", **period, **only))
        if csv is not None:
            notifier.download(f"/v1/forecast?{urlencode(period | only)}", csv, accept="text/csv")
            progress(f"Every line is in {csv}.")
    show({"days": days, "items": items}, as_json, text_of(days, items))


def text_of(days: list[dict[str, Any]], items: list[dict[str, Any]]) -> str:
    """Return a forecast for people: the counts of each day, and the first lines."""
    if not days:
        return "No reminder will be sent."
    counts = [["day", "mails", "lines", "recipients"]]
    counts += [[_day(day["day"]), *(str(day[name]) for name in counts[0][1:])] for day in days]
    total = f"{sum(day['mails'] for day in days)} mails tell {sum(day['lines'] for day in days)} things."
    lines = [["day", "to", "about", "holder", "what"]]
    lines += [
        [item["day"], item["recipient"] or "nobody", item["type"], item["holder_name"], what_of(item)]
        for item in items[:_SHOWN]
    ]
    more = f"\n… and {len(items) - _SHOWN} more; --csv writes all." if len(items) > _SHOWN else ""
    return f"{table(counts)}\n{total}\n\n{table(lines)}{more}"


def what_of(item: dict[str, Any]) -> str:
    """Return what a line of a forecast tells."""
    step = "" if item["step"] is None else f" {item['step']}"
    digest = ", in a digest" if item["digest"] else ""
    return f"{item['event']}{step}{digest}"


def _day(day: str) -> str:
    return f"{date.fromisoformat(day):%a} {day}"
