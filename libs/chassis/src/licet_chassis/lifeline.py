"""Ends a process with its parent: standard input is a pipe from the parent and closes when that dies."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator


def parent_lines() -> Iterator[str]:
    """Yield the lines that the parent writes, until it is gone."""
    # Read the descriptor byte by byte: a thread that waits in `sys.stdin` holds its lock, and Python aborts
    # if that lock is taken when it exits. And nothing is read beyond the line asked for.
    while True:
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(0, 1)
            if not byte:
                return
            line += byte
        yield line.decode()


def end_with_parent(
    on_line: Callable[[str], None] | None = None,
    on_orphaned: Callable[[], None] | None = None,
    grace: float = 3.0,
) -> None:
    """Watch standard input in a thread: pass each line to `on_line`; at its end, end this process by SIGTERM.

    `on_orphaned` is called first. A process that has not ended within `grace` seconds exits at once.
    """

    def watch() -> None:
        for line in parent_lines():
            if on_line is not None:
                on_line(line)
        if on_orphaned is not None:
            on_orphaned()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
