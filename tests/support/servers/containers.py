"""Containers by testcontainers, gone when the session is, however it ends."""

import os
import subprocess
import sys
from typing import Any

from support.servers.choice import Unavailable

# Its reaper is one more image; ours is a process that waits for our end.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

_REAPER = """
import sys, docker
sys.stdin.read()
for container in docker.from_env().containers.list(all=True, filters={"id": sys.argv[1]}):
    container.remove(force=True, v=True)
"""


class Container:
    """One running container with ports of this machine that stay the same over a restart."""

    def __init__(
        self,
        image: str,
        *,
        ports: dict[int, int],
        environment: dict[str, str],
        command: str | None = None,
        tmpfs: dict[str, str] | None = None,
    ) -> None:
        try:
            from testcontainers.core.container import DockerContainer  # noqa: PLC0415
        except ImportError as error:
            raise Unavailable(f"testcontainers is not installed ({error})") from error
        try:
            container: Any = DockerContainer(image)
            for inside, outside in ports.items():
                container = container.with_bind_ports(inside, outside)
            for name, value in environment.items():
                container = container.with_env(name, value)
            if command is not None:
                container = container.with_command(command)
            if tmpfs:
                container = container.with_kwargs(tmpfs=tmpfs)
            self._container: Any = container.start()
        except Exception as error:  # whatever Docker, its socket or its registry say
            raise Unavailable(f"no container of {image}: {error}") from error
        self._wrapped: Any = self._container.get_wrapped_container()
        self._reaper = subprocess.Popen(
            [sys.executable, "-c", _REAPER, self._wrapped.id], stdin=subprocess.PIPE, process_group=0
        )

    def logs(self) -> str:
        """Return the end of what it wrote."""
        return str(self._wrapped.logs(tail=20).decode(errors="replace"))

    def pause(self) -> None:
        """Freeze it."""
        self._wrapped.pause()

    def stop(self) -> None:
        """Stop it; its files stay."""
        self._wrapped.stop(timeout=5)

    def start(self) -> None:
        """Start it again, on the same ports."""
        self._wrapped.start()

    def close(self) -> None:
        """Remove it."""
        self._container.stop(force=True, delete_volume=True)
        assert self._reaper.stdin is not None
        self._reaper.stdin.close()
        self._reaper.wait()
