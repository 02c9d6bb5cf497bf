"""Exim as a process: it takes every mail, and lets in as few connections from one host as it is told."""

import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from tempfile import mkdtemp

from licet_cli.embedded.ports import free_port
from support.servers.choice import Unavailable

_START_SECONDS = 10.0
_CONFIGURATION = """
primary_hostname = mx.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
spool_directory = {directory}/spool
log_file_path = {directory}/%slog
pid_file_path = {directory}/pid
exim_user = {user}
exim_group = {group}
smtp_accept_max = 100
smtp_accept_max_per_host = {per_host}
smtp_accept_max_per_connection = 10000
rfc1413_query_timeout = 0s
host_lookup =
acl_smtp_helo = check_helo
acl_smtp_rcpt = check_rcpt
acl_smtp_data = accept
begin acl
check_helo:
  accept
check_rcpt:
  deny senders = banned@licet.test
       message = Sender verify failed
  deny local_parts = nobody
       message = Unrouteable address
  accept
begin routers
discard:
  driver = redirect
  data = :blackhole:
"""


class Exim:
    """A mail server of Debian on a free port of 127.0.0.1; mails go nowhere."""

    def __init__(self, *, per_host: int = 4) -> None:
        program = shutil.which("exim4", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        if program is None:
            raise Unavailable("exim4 is not installed (Debian has it as exim4-daemon-light)")
        if os.geteuid() != 0:
            raise Unavailable("only root may start Exim with a configuration of its own")
        self.port = free_port()
        self._directory = Path(mkdtemp(prefix="licet-exim-"))
        user = pwd.getpwnam("Debian-exim")
        for path in (self._directory, self._directory / "spool"):
            path.mkdir(exist_ok=True)
            os.chown(path, user.pw_uid, user.pw_gid)
        configuration = self._directory / "exim.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                port=self.port, directory=self._directory, per_host=per_host, user=user.pw_name,
                group=grp.getgrgid(user.pw_gid).gr_name,
            )
        )  # fmt: skip
        self._process = subprocess.Popen(
            [program, "-C", str(configuration), "-bdf"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._wait()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"smtp://127.0.0.1:{self.port}?starttls=never"

    def close(self) -> None:
        """End it, with the processes of its conversations."""
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(10)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _wait(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        self._process.kill()
        raise Unavailable(f"exim4 does not listen: {self._process.stderr and self._process.stderr.read()!r}")
