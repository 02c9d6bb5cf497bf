"""`licet backfill`: the present state of everything, published again."""

from typing import Annotated

import typer

from licet_cli.embedded.state import SERVICES
from licet_cli.output import fail, progress
from licet_cli.target import Against, Deployment, open_target

app = typer.Typer()


@app.command("backfill")
def backfill(
    service: Annotated[list[str] | None, typer.Argument(help="Only these services; all if left out.")] = None,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Publish the present state again, for a new subscriber or a lost Kafka cluster. Safe to repeat."""
    with open_target(against) as target:
        for name in service or SERVICES:
            for line in target.service(name).lines("/v1/backfill"):
                if "failed" in line:
                    fail(f"{name}: {line['failed']}")
                if "done" in line:
                    progress(f"{name}: {sum(line['done'].values())} events published")
                else:
                    progress(f"{name}: {line['published']} {line['source']}")
