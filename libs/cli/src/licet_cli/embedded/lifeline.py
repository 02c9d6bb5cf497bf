"""The channel between our own Python servers and their parent: orders in, addresses out."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from licet_chassis import lifeline


def orders() -> dict[str, Any]:
    """Return what the parent wants: the first line of standard input, a JSON object."""
    line = next(lifeline.parent_lines(), "")
    if not line:
        raise SystemExit("this module is started by `licet up`, which tells it on standard input what to do")
    wanted: dict[str, Any] = json.loads(line)
    return wanted


def announce(**what: Any) -> None:
    """Tell the parent, on standard output, that the server listens and where."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def end_with_parent(
    on_line: Callable[[Mapping[str, Any]], None] | None = None,
    on_orphaned: Callable[[], None] | None = None,
) -> None:
    """Watch standard input in a thread: hand each further line, a JSON object, to `on_line`.

    At its end `on_orphaned` is called, and this process ended.
    """
    lifeline.end_with_parent(None if on_line is None else lambda line: on_line(json.loads(line)), on_orphaned)
