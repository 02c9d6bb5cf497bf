"""`licet events`: what is on the topics, and the schema of a type."""

import asyncio
import json
import os
import signal
from importlib.resources import files
from typing import Annotated

import typer

from licet_cli.event_stream import follow
from licet_cli.output import wrong_use
from licet_cli.target import Against, Deployment, open_target
from licet_events import EVENT_TYPES, Topic

app = typer.Typer(help="See the events on Kafka as they are on the wire, decoded.", no_args_is_help=True)


@app.command("tail")
def tail(
    topic: Annotated[list[str] | None, typer.Option(help="Only this topic; may be repeated.")] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="From the beginning of the topics.")
    ] = False,
    until_end: Annotated[bool, typer.Option("--until-end", help="End where the topics end now.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    against: Against = Deployment.EMBEDDED,
) -> None:
    """Show events as they come; Ctrl-C ends it."""
    known = {topic.value: topic for topic in Topic}
    unknown = [name for name in topic or [] if name not in known]
    if unknown:
        wrong_use(f"There is no topic {unknown[0]!r}; there are {', '.join(known)}.")
    topics = [known[name] for name in topic] if topic else list(Topic)

    async def show() -> None:
        with open_target(against) as target:
            async for record in follow(target.kafka_url, topics, from_start=from_start, until_end=until_end):
                print(json.dumps(record.document()) if as_json else record.line(), flush=True)

    # At once: it is in no group and keeps nothing, and a client that is busy may pass over a cancellation.
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    try:
        asyncio.run(show())
    finally:
        signal.signal(signal.SIGINT, before)


@app.command("schema")
def schema(event_type: str) -> None:
    """Print the JSON Schema of a type, such as licet.credential.renewed.v1."""
    if event_type not in EVENT_TYPES:
        wrong_use(f"There is no type {event_type!r}; there are:\n  " + "\n  ".join(sorted(EVENT_TYPES)))
    print(files("licet_events").joinpath("schemas", f"{event_type}.json").read_text(encoding="utf-8"), end="")
