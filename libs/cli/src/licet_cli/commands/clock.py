"""`licet clock`: show business time and move it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from licet_cli import clock as moving
from licet_cli.durations import parse_duration
from licet_cli.output import JsonOption, fail, progress, show, wrong_use
from licet_cli.target import Against, Deployment, open_target
from licet_events.forms import DATE, instant_of

app = typer.Typer(help="Show business time and move it forward.", no_args_is_help=False)

Jump = Annotated[
    bool,
    typer.Option(
        "--jump",
        help="In one leap, as an outage would; without it, stops at every instant at which something is due.",
    ),
]


@app.callback(invoke_without_command=True)
def show_by_default(context: typer.Context) -> None:
    """Show business time when nothing else is asked."""
    if context.invoked_subcommand is None:
        show_clock()


@app.command("show")
def show_clock(as_json: JsonOption = False, against: Against = Deployment.EMBEDDED) -> None:
    """Show business time and its offset from real time."""
    with open_target(against) as target:
        view = moving.read_clock(target.service("scheduler"))
    ahead = timedelta(seconds=round(view.offset_seconds))
    document = {"now": view.now.isoformat(), "offset_seconds": view.offset_seconds}
    show(
        document,
        as_json,
        f"{view.now:%Y-%m-%d %H:%M:%S} UTC, {ahead} ahead of real time",
    )


@app.command("set")
def set_clock(instant: str, jump: Jump = False, against: Against = Deployment.EMBEDDED) -> None:
    """Move business time to an INSTANT (RFC 3339, or a date, meaning its midnight in UTC)."""
    try:
        to = instant_of(f"{instant}T00:00:00Z" if DATE.fits(instant) else instant).astimezone(UTC)
    except (ValueError, OverflowError):
        wrong_use(
            f"{instant!r} is neither an instant such as 2026-03-01T08:00:00Z nor a date such as 2026-03-01."
        )
    _move(to, jump, against)


@app.command("advance")
def advance_clock(duration: str, jump: Jump = False, against: Against = Deployment.EMBEDDED) -> None:
    """Move business time forward by a DURATION such as 30d, 12h or 45m."""
    try:
        by = parse_duration(duration)
    except ValueError as error:
        wrong_use(f"{error}.")
    if not by:
        wrong_use("Business time only goes forward; advance it by more than nothing.")
    with open_target(against) as target:
        now = max(moving.read_clock(target.service(name)).now for name in moving.ORDER)
    _move(_after(now, by), jump, against)


def _after(now: datetime, by: timedelta) -> datetime:
    try:
        return now + by
    except OverflowError:
        wrong_use(f"There is no date {by.days} days from now.")


def _move(to: datetime, jump: bool, against: str) -> None:
    with open_target(against) as target:
        try:
            moved = moving.move(
                target, to, jump=jump, on_step=lambda step: progress(f"{step:%Y-%m-%d %H:%M} UTC")
            )
        except moving.NotForward as error:
            fail(str(error), code=2)
    progress(
        "Everything due has been worked off."
        if moved
        else "That is the instant that was set last; nothing to do."
    )
