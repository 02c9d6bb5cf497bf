"""`licet topics`: what the contract asks of Kafka, and carrying it out."""

import asyncio
import logging
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
Replication = Annotated[
    int | None,
    typer.Option("--replication", min=1, max=10, help="Copies of each partition; else as the file says."),
]


@app.callback()
def _quiet() -> None:
    # What aiokafka has to say is told once, as the error that ends the command.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


@app.command("plan")
def plan(
    file: File = Path("deploy/topics.toml"), kafka: Kafka = None, replication: Replication = None
) -> None:
    """Say what apply would do, and do nothing. Ends 1 where apply would refuse."""
    changes = _changes(file, _address(kafka), replication)
    _tell(changes)
    if any(change.refused for change in changes):
        raise typer.Exit(1)


@app.command("apply")
def apply(
    file: File = Path("deploy/topics.toml"), kafka: Kafka = None, replication: Replication = None
) -> None:
    """Create missing topics and set retention. Where a partition count differs, nothing is done at all."""
    address = _address(kafka)
    changes = _changes(file, address, replication)
    refused = [change.words for change in changes if change.refused]
    if refused:
        fail("; ".join(refused))
    if changes:
        asyncio.run(topics.apply(address, changes))
    _tell(changes)


def _tell(changes: list[topics.Change]) -> None:
    for change in changes:
        progress(change.words)
    if not changes:
        progress("nothing to do: the topics are as the file says")


def _changes(file: Path, kafka: str, replication: int | None) -> list[topics.Change]:
    try:
        wanted = topics.read(file, replication)
    except ValueError as error:
        wrong_use(f"{file} can't be read: {error}")
    return topics.compare(wanted, asyncio.run(topics.look(kafka, [topic.name for topic in wanted])))


def _address(kafka: str | None) -> str:
    if kafka is not None:
        return kafka
    with open_target() as target:
        return target.kafka_url
