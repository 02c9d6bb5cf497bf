"""`licet topics`: what the contract asks of Kafka, and carrying it out."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from licet_cli import topics
from licet_cli.output import fail, progress, wrong_use
from licet_cli.target import open_target

app = typer.Typer(
    help="Compare the topics of a Kafka cluster with deploy/topics.toml and make them so.",
    no_args_is_help=True,
)

Kafka = Annotated[str | None, typer.Option("--kafka", help="host:port; the embedded run's if left out.")]
File = Annotated[
    Path, typer.Option("--file", help="The reviewed file of topics.", exists=True, dir_okay=False)
]
Replication = Annotated[int, typer.Option("--replication", min=1, max=10, help="Copies of each partition.")]


@app.command("plan")
def plan(file: File = Path("deploy/topics.toml"), kafka: Kafka = None, replication: Replication = 1) -> None:
    """Say what apply would do, and do nothing."""
    for change in _changes(file, kafka, replication):
        progress(change.words)


@app.command("apply")
def apply(file: File = Path("deploy/topics.toml"), kafka: Kafka = None, replication: Replication = 1) -> None:
    """Create missing topics and set retention. Another partition count is refused."""
    changes = _changes(file, kafka, replication)
    refused = [change.words for change in changes if change.refused]
    if refused:
        fail("; ".join(refused))
    asyncio.run(topics.carry_out(_address(kafka), changes))
    for change in changes:
        progress(change.words)


def _changes(file: Path, kafka: str | None, replication: int) -> list[topics.Change]:
    try:
        wanted = topics.read(file, replication)
    except (KeyError, ValueError) as error:
        wrong_use(f"{file} can't be read: {error}")
    return asyncio.run(topics.compare(_address(kafka), wanted))


def _address(kafka: str | None) -> str:
    if kafka is not None:
        return kafka
    with open_target() as target:
        return target.kafka_url
