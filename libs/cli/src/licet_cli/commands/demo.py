"""`licet demo`: the main job, step by step."""

import typer

from licet_cli.demo import walk
from licet_cli.output import progress
from licet_cli.target import Against, Deployment, open_target

app = typer.Typer()


@app.command("demo")
def run_demo(against: Against = Deployment.EMBEDDED) -> None:
    """Run the main job from end to end and check each step; ends 1 at the first that falls short.

    Moves the clock about half a year forward and leaves what it made, under codes of its own.
    """
    with open_target(against) as target:
        walk.run(target, progress)
