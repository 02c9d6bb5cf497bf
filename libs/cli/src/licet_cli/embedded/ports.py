"""Ports on this machine: a preferred one if it is free, else any."""

import fcntl
import os
import socket
import tempfile
from functools import cache
from pathlib import Path

_given: set[int] = set()


def is_free(port: int, *, host: str = "127.0.0.1") -> bool:
    """Say whether a server could listen on that port of `host` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do it: an old connection in TIME_WAIT is no reason to refuse.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(preferred: int | None = None, *, host: str = "127.0.0.1") -> int:
    """Return a port that is free now: `preferred` if it is, else one that the system picks.

    The same port is never given twice by one process, nor a preferred one to two that live. Somebody
    else may still take it before it is used, so whoever can starts its server again on another one.
    """
    if (
        preferred is not None
        and preferred not in _given
        and is_free(preferred, host=host)
        and _claim(preferred)
    ):
        _given.add(preferred)
        return preferred
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def _claim(port: int) -> bool:
    """Hold a port until this process ends, against other runs that prefer it and start now."""
    try:
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except BlockingIOError:
        return False
    except OSError:  # a file of another user: there is nothing to hold on to, and mostly no need
        return True
    return True


@cache
def _claims() -> int:
    # One byte a port. It must never be closed: that would give up every claim of this process.
    return os.open(Path(tempfile.gettempdir()) / "licet-ports", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
