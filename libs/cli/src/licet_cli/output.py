"""Output of commands: answers to standard output, progress and errors to standard error."""

import json
import sys
from typing import Annotated, Any, NoReturn

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")]


def show(document: Any, as_json: bool, text: str) -> None:
    """Print the answer of a command: JSON for programs, text for people."""
    print(json.dumps(document, default=str) if as_json else text)


def progress(text: str) -> None:
    """Say how far a command has come."""
    print(text, file=sys.stderr, flush=True)


def fail(message: str, code: int = 1) -> NoReturn:
    """End the command with a message."""
    print(f"licet: {message}", file=sys.stderr)
    raise typer.Exit(code)


def wrong_use(message: str) -> NoReturn:
    """End the command with exit code 2: it was called wrongly."""
    fail(message, code=2)


def table(rows: list[list[str]]) -> str:
    """Return rows as text in columns; the first row is the heading."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def without_password(url: str) -> str:
    """Return a URL without the password in it."""
    before, at, after = url.rpartition("@")
    if not at:
        return url
    scheme, _, rest = before.partition("://")
    return f"{scheme}://{rest.partition(':')[0]}@{after}"
