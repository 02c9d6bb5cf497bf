"""Named points around I/O where a test can kill the process, as a crash would.

They do nothing unless `LICET_FAILPOINTS` names a file and `LICET_ENVIRONMENT` is `embedded`. Then the
process kills itself as soon as it passes the point that the file names. The file is
read at every pass, so a test can arm a place of a service that is running.
"""

import os
import signal
from pathlib import Path

_ARMED = os.environ.get("LICET_FAILPOINTS") if os.environ.get("LICET_ENVIRONMENT") == "embedded" else None
_names: set[str] = set()


class Failpoint:
    """One such place: make it once in a module, call it where the process may be killed."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        if name in _names:
            raise ValueError(f"there is a failpoint {name} already")
        _names.add(name)
        self.name = name

    def __call__(self) -> None:
        """Kill the process if this place is armed."""
        if _ARMED is not None and _armed_place(_ARMED) == self.name:
            os.kill(os.getpid(), signal.SIGKILL)


def registered() -> frozenset[str]:
    """Return the names of all places in the modules that have been imported."""
    return frozenset(_names)


def _armed_place(file: str) -> str | None:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
