"""`licet down`: end the embedded run."""

import os
import signal
import time
from typing import Annotated

import typer

from licet_cli.client import CommandFailed
from licet_cli.clock import quiesce
from licet_cli.embedded.errors import EmbeddedError
from licet_cli.embedded.state import NoRun, RunState, current_run
from licet_cli.output import progress
from licet_cli.target import open_target

app = typer.Typer()

_END_BOUND = 20.0


@app.command("down")
def down(
    drain: Annotated[
        float, typer.Option("--drain", help="Seconds that work in hand may take where data is kept.")
    ] = 60.0,
) -> None:
    """End the run of this directory; kept data is drained before."""
    try:
        state = current_run()
    except NoRun:
        progress("nothing is running here")
        return
    if state.data is not None and state.ready:
        _drain(drain)
    os.kill(state.pid, signal.SIGTERM)
    _wait_for_end(state)
    progress("ended")


def _drain(seconds: float) -> None:
    progress("working off what is in hand …")
    try:
        with open_target("embedded") as target:
            quiesce(target, patience=seconds)
    except CommandFailed as failure:
        # What is left is in the databases and goes on at the next start.
        progress(f"not all of it: {failure}")


def _wait_for_end(state: RunState) -> None:
    deadline = time.monotonic() + _END_BOUND
    while state.alive:
        if time.monotonic() > deadline:
            raise EmbeddedError(f"the run (process {state.pid}) has not ended in {_END_BOUND:.0f} s")
        time.sleep(0.05)
