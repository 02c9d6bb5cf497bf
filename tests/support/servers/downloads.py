"""Servers that are fetched or built once and kept in the cache."""

import fcntl
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from support.servers.choice import Unavailable, cache


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """Return the cache's directory of that name; `make` fills it once."""
    place = cache() / name
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            fresh = cache() / f"{name}.new"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            make(fresh)
            fresh.rename(place)
    return place


def tool(name: str) -> str:
    """Return the path of a program; raises `Unavailable` if this machine has none."""
    path = shutil.which(name)
    if path is None:
        raise Unavailable(f"{name} is not on this machine")
    return path


def run(argv: Sequence[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    """Run a program to its end; raises `Unavailable` with what it said if it fails."""
    outcome = subprocess.run(argv, env=env, cwd=cwd, capture_output=True, text=True, timeout=600, check=False)
    if outcome.returncode != 0:
        said = (outcome.stdout + outcome.stderr)[-2000:]
        raise Unavailable(f"{' '.join(argv[:3])} … ended with {outcome.returncode}: {said}")
