"""How our own Python servers hang on whoever started them: told by standard input, gone at its end."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any


def orders() -> dict[str, Any]:
    """Return what the parent wants: the first line of standard input, a JSON object."""
    line = sys.stdin.readline()
    if not line:
        raise SystemExit("this module is started by `licet up`, which tells it on standard input what to do")
    wanted: dict[str, Any] = json.loads(line)
    return wanted


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
        for line in sys.stdin:
            if heard is not None:
                heard(json.loads(line))
        if bereaved is not None:
            bereaved()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(3)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
