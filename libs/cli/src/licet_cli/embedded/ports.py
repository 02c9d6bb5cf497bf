"""Ports on this machine: a preferred one if it is free, else any."""

import socket

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

    The same port is never given twice by one process. Somebody else may still take it before it is
    used, so whoever starts a server on it tries again with another one when it is taken.
    """
    if preferred is not None and preferred not in _given and is_free(preferred, host=host):
        _given.add(preferred)
        return preferred
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port
