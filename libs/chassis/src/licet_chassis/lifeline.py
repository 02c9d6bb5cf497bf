"""How a process hangs on whoever started it: its standard input is a pipe from there, and ends with it."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator


def told() -> Iterator[str]:
    """Yield what the parent says, line by line, until it is gone."""
    # The descriptor itself, byte by byte: a thread that waits in `sys.stdin` holds its lock, and Python
    # aborts when it finds that lock taken at its end; and nothing is read beyond the line asked for.
    while True:
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(0, 1)
            if not byte:
                return
            line += byte
        yield line.decode()


def end_with_parent(
    heard: Callable[[str], None] | None = None,
    bereaved: Callable[[], None] | None = None,
    grace: float = 3.0,
) -> None:
    """Watch standard input in a thread: hand each further line to `heard`; at its end, end this process.

    `bereaved` is called first when the parent has gone. A process that does not end by its own
    SIGTERM handling within `grace` seconds is ended at once.
    """

    def watch() -> None:
        for line in told():
            if heard is not None:
                heard(line)
        if bereaved is not None:
            bereaved()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
