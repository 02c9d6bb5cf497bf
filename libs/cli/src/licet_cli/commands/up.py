"""`licet up`: the embedded run."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from licet_cli.embedded.errors import EmbeddedError
from licet_cli.embedded.processes import end_with_this_parent
from licet_cli.embedded.run import EmbeddedRun, Wanted, interrupted_by_signals, undisturbed
from licet_cli.embedded.state import RunState, read_state, run_directory
from licet_cli.output import progress, table, without_password

app = typer.Typer()


@app.command("up")
def up(
    detach: Annotated[bool, typer.Option("--detach", help="Return when everything is ready.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="Keep data in this directory over a restart.")
    ] = None,
    kafka: Annotated[str | None, typer.Option("--kafka", help="A Kafka to use: host:port,…")] = None,
    database: Annotated[
        str | None, typer.Option("--database", help="A PostgreSQL to use: postgresql://…/postgres")
    ] = None,
    s3: Annotated[
        str | None, typer.Option("--s3", help="An S3 to use: http://KEY:SECRET@host:port/bucket")
    ] = None,
    smtp: Annotated[str | None, typer.Option("--smtp", help="An SMTP server to use: smtp://…")] = None,
    topics: Annotated[
        Path, typer.Option("--topics", help="The file of topics that the Kafka given has to be as.")
    ] = Path("deploy/topics.toml"),
) -> None:
    """Start everything on this machine, and show events until Ctrl-C."""
    if detach:
        _detached(sys.argv[1:])
        return
    began = time.monotonic()
    run = EmbeddedRun(
        Wanted(data, kafka, database, s3, smtp, topics), run_directory(), lambda text: _say(began, text)
    )
    with run.alone():
        try:
            with interrupted_by_signals():
                if os.environ.get("LICET_ENDS_WITH_PARENT") == "1":
                    end_with_this_parent()  # `make up`: who kills make means this
                run.start()
                _say(began, "ready\n")
                print(welcome(run.state), flush=True)
                print("Ctrl-C here, or `licet down` there, ends it. Events, as they happen:\n", flush=True)
                _print_events(run.state.kafka.url, from_start=kafka is None)
                run.follow()
        except KeyboardInterrupt:
            progress("\nending …")
        finally:
            with undisturbed():
                run.stop()


def welcome(state: RunState) -> str:
    """Return what somebody who has just started it wants to know."""
    rows = [["", "where"]]
    rows += [[name, f"{part.url}/docs"] for name, part in state.services.items()]
    rows += [["kafka", state.kafka.url], ["s3", without_password(state.s3.url)], ["issuer", state.issuer.url]]
    rows += [["mails", state.mail or without_password(state.smtp.url)]]
    if state.data:
        rows += [["data", state.data]]
    return (
        f"{table(rows)}\n\n"
        "In another terminal, in this directory:\n"
        "  licet token                a bearer token for the services\n"
        "  licet status               what runs, and its memory\n"
        "  licet demo                 a licence from its scan to the reminder mail and after\n"
        "  licet clock advance 30d    let a month pass\n"
        "  licet mail                 the mails that were sent\n"
    )


def _say(began: float, text: str) -> None:
    progress(f"{time.monotonic() - began:5.1f} s  {text}")


def _print_events(kafka: str, *, from_start: bool) -> None:
    # A thread, so that the main one goes on to watch over the run; it ends with the process.
    threading.Thread(target=_follow, args=(kafka, from_start), name="events", daemon=True).start()


def _follow(kafka: str, from_start: bool) -> None:
    import asyncio  # noqa: PLC0415  # `licet up --help` needs none of this
    import logging  # noqa: PLC0415

    from licet_cli.event_stream import follow  # noqa: PLC0415

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

    async def show() -> None:
        async for record in follow(kafka, from_start=from_start):
            if not record.attributes.get("type", "").endswith((".snapshot.v1", "backfill.finished.v1")):
                print(f"{time.strftime('%H:%M:%S')} {record.line()}", flush=True)

    asyncio.run(show())


def _detached(arguments: list[str]) -> None:
    """Start the run as a process of its own, pass on what it says until it is ready, and leave it."""
    directory = run_directory()
    if read_state(directory) is not None:
        raise EmbeddedError(
            f"a run is already up in {directory}: see `licet status`, end it with `licet down`"
        )
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    said = directory / "up.log"
    # It is to outlive make, and its log is nobody else's: an error may quote what was given.
    environment = {name: value for name, value in os.environ.items() if name != "LICET_ENDS_WITH_PARENT"}
    private = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(private, "wb") as log:
        process = subprocess.Popen(  # noqa: S603  # ourselves
            [sys.executable, "-m", "licet_cli", *(part for part in arguments if part != "--detach")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    with said.open() as heard:
        try:
            while process.poll() is None:
                state = read_state(directory)
                if state is not None and state.ready and state.pid == process.pid:
                    print(f"\n{welcome(state)}\nIt runs on; `licet down` ends it, and {said} has its events.")
                    return
                sys.stderr.write(heard.read())
                sys.stderr.flush()
                time.sleep(0.1)
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
        sys.stderr.write(heard.read())
    raise typer.Exit(1)
