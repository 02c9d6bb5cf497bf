"""How our own Python servers hang on whoever started them: told by standard input, gone at its end."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any


def orders() -> dict[str, Any]:
    """Return what the parent wants: the first line of standard input, a JSON object."""
    line = next(_lines(), b"")
    if not line:
        raise SystemExit("this module is started by `licet up`, which tells it on standard input what to do")
    wanted: dict[str, Any] = json.loads(line)
    return wanted


def _lines() -> Iterator[bytes]:
    # The descriptor itself: a thread that waits in `sys.stdin` holds its lock, and Python aborts when
    # it finds that lock taken at its end. Nothing is read beyond the line that is asked for.
    while True:
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(0, 1)
            if not byte:
                return
            line += byte
        yield line


def announce(**what: Any) -> None:
    """Tell the parent, on standard output, that the server listens and where."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def end_with_parent(
    heard: Callable[[Mapping[str, Any]], None] | None = None,
    bereaved: Callable[[], None] | None = None,
) -> None:
    """Watch standard input in a thread: hand each further line to `heard`; at its end, end this process.

    `bereaved` is called first when the parent has gone. A process that does not end by its own
    SIGTERM handling within three seconds is ended at once.
    """

    def watch() -> None:
        for line in _lines():
            if heard is not None:
                heard(json.loads(line))
        if bereaved is not None:
            bereaved()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(3)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
