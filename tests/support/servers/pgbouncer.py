"""PgBouncer in transaction mode before a PostgreSQL of the tests, as a process."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import urlsplit, urlunsplit

from licet_cli.embedded.ports import free_port
from support.servers.choice import Unavailable

_START_SECONDS = 10.0


class PgBouncer:
    """Lends the server connections of `postgres_url` for a transaction each, `pool_size` for a database."""

    def __init__(self, postgres_url: str, *, pool_size: int = 4, mode: str = "transaction"):
        program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise Unavailable("pgbouncer is not installed (Debian has it)")
        server = urlsplit(postgres_url)
        self.port = free_port()
        # Not below pytest's directory, which its own user alone may enter.
        self._directory = directory = Path(mkdtemp(prefix="licet-pgbouncer-"))
        users = directory / "users.txt"
        users.write_text(f'"{server.username}" "{server.password or ""}"\n')
        configuration = directory / "pgbouncer.ini"
        configuration.write_text(
            "[databases]\n"
            f"* = host={server.hostname} port={server.port} user={server.username}\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {users}\npool_mode = {mode}\n"
            f"default_pool_size = {pool_size}\nmax_client_conn = 500\nlogfile = {directory / 'log'}\n"
        )
        command = [program, "-q", str(configuration)]
        if os.geteuid() == 0:  # it refuses to run as root
            nobody = pwd.getpwnam("nobody")
            for path in (directory, users, configuration):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
            command = [program, "-q", "-u", "nobody", str(configuration)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait(directory / "log")

    def url(self, postgres_url: str) -> str:
        """Return how to reach a database of that server through the pooler."""
        parts = urlsplit(postgres_url)
        user = f"{parts.username}:{parts.password}" if parts.password else parts.username
        return urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{self.port}"))

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self._directory)

    def _wait(self, log: Path) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise Unavailable(f"pgbouncer does not listen: {log.read_text() if log.exists() else ''}")
