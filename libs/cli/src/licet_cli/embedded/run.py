"""The embedded run: every server and service on this machine, from the first start to the last stop."""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from licet_cli.embedded.errors import EmbeddedError, ServerFailed
from licet_cli.embedded.given import GivenS3, database_url, make_databases, require_topics
from licet_cli.embedded.ports import free_port
from licet_cli.embedded.postgres import EmbeddedPostgres
from licet_cli.embedded.processes import Child, stop_all
from licet_cli.embedded.s3 import EmbeddedS3
from licet_cli.embedded.servers import SmallServers
from licet_cli.embedded.state import SERVICES, Part, RunState, forget_state, write_state

_PREFERRED_PORTS = {
    "issuer": 8100,
    "credentials": 8101,
    "certifications": 8102,
    "scheduler": 8103,
    "notifier": 8104,
    "s3": 8105,
    "postgres": 8106,
}
_BUCKET = "licet-images"
_READY_BOUND = 120.0
_SERVICE_GRACE = 5.0
_SERVER_GRACE = 2.0


@dataclass(frozen=True)
class Wanted:
    """What was asked for: where data is kept, and which servers somebody else runs."""

    data: Path | None = None
    kafka: str | None = None
    database: str | None = None
    s3: str | None = None
    smtp: str | None = None
    topics: Path = Path("deploy/topics.toml")
    """The reviewed file that a given Kafka's topics have to be as."""


@dataclass
class EmbeddedRun:
    """One run. `start` may fail or be interrupted at any point; `stop` ends whatever there is."""

    wanted: Wanted
    directory: Path
    say: Callable[[str], None]
    _postgres: EmbeddedPostgres | None = None
    _small: SmallServers | None = None
    _s3: EmbeddedS3 | None = None
    _services: dict[str, Child] = field(default_factory=dict)
    _errands: list[Child] = field(default_factory=list)
    _state: RunState | None = None

    @property
    def state(self) -> RunState:
        """What the run tells other terminals."""
        if self._state is None:
            raise EmbeddedError("the run has not got that far")
        return self._state

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold this directory against a second run; raises `EmbeddedError` if there is one already."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.directory / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise EmbeddedError(
                    f"a run is already up in {self.directory}: see `licet status`, end it with `licet down`"
                ) from None
            yield

    def start(self) -> None:
        """Start everything and wait until every service is ready; raises `EmbeddedError` if one is not."""
        shutil.rmtree(self._scratch, ignore_errors=True)
        shutil.rmtree(self._logs, ignore_errors=True)
        self._logs.mkdir(mode=0o700)
        if self.wanted.kafka is not None:
            require_topics(self.wanted.kafka, self.wanted.topics)
        self._keep.mkdir(mode=0o711, parents=True, exist_ok=True)
        again = (self._keep / "postgres" / "PG_VERSION").exists()

        self.say("PostgreSQL …" if self.wanted.database is None else "databases …")
        server = self._start_database()
        self.say("broker, object store, mail catcher, token issuer …")
        self._start_servers()
        migrating = self._start_migrating(server)
        small = self._wait_for_small_servers()
        self._describe(server, small)
        migrating.announcement(timeout=_READY_BOUND)
        self.say("credentials, certifications, scheduler, notifier …")
        for name in SERVICES:
            self._start_service(name, server)
        if self._s3 is not None:
            self._s3.wait()
        self._wait_for_services("/livez")
        # The broker has forgotten everything; a Kafka of somebody else's has not.
        if again and self.wanted.kafka is None:
            self.say("publishing the kept state again …")
            self._backfill(server)
        self._wait_for_services("/readyz")
        self._write(replace(self.state, ready=True))

    def follow(self, every: float = 0.3) -> None:
        """Watch over the run; raises `ServerFailed` when a part of it has ended by itself."""
        while True:
            self._check()
            time.sleep(every)

    def stop(self) -> None:
        """End everything in order, within ten seconds: services, then what they need, then the traces."""
        stop_all([*self._errands, *self._services.values()], _SERVICE_GRACE)
        servers = []
        if self._s3 is not None:
            servers.append(self._s3.child)
        stop_all(servers, _SERVER_GRACE)
        if self._postgres is not None:
            self._postgres.stop(_SERVER_GRACE)
        if self._small is not None:
            self._small.child.stop(1.0)  # the last: it watches over the others
        shutil.rmtree(self._scratch, ignore_errors=True)
        forget_state(self.directory)

    @property
    def _logs(self) -> Path:
        return self.directory / "logs"

    @property
    def _scratch(self) -> Path:
        return self.directory / "scratch"

    @property
    def _keep(self) -> Path:
        return self.wanted.data.absolute() if self.wanted.data is not None else self._scratch

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _start_database(self) -> str:
        names = [f"licet_{service}" for service in SERVICES]
        if self.wanted.database is not None:
            make_databases(self.wanted.database, names)
            return self.wanted.database
        self._postgres = EmbeddedPostgres(
            self._keep / "postgres",
            log=self._log("postgres"),
            durable=self.wanted.data is not None,
            port=free_port(_PREFERRED_PORTS["postgres"]),
        )
        self._postgres.start()
        for name in names:
            self._postgres.create_database(name)
        return self._postgres.url()

    def _start_servers(self) -> None:
        self._small = SmallServers(log=self._log("servers"))
        self._small.start(
            kafka=self.wanted.kafka is None,
            mail=self._mail,
            signing_key=self._keep / "issuer.pem",
            secret=secrets.token_urlsafe(24),
            issuer_port=_PREFERRED_PORTS["issuer"],
        )
        if self.wanted.s3 is None:
            self._s3 = EmbeddedS3(
                log=self._log("s3"),
                bucket=_BUCKET,
                data=self._keep / "objects" if self.wanted.data is not None else None,
                port=free_port(_PREFERRED_PORTS["s3"]),
            )
            self._s3.start()

    def _start_migrating(self, server: str) -> Child:
        migrating = Child(
            "migrate",
            [sys.executable, "-m", "licet_cli.embedded.migrate"],
            self._log("migrate"),
            announces=True,
        )
        self._errands.append(migrating)
        migrating.start()
        migrating.tell({f"licet_{name}": database_url(server, f"licet_{name}") for name in SERVICES})
        return migrating

    def _wait_for_small_servers(self) -> SmallServers:
        if self._small is None:
            raise EmbeddedError("the servers have not been started")
        self._small.wait()
        return self._small

    @property
    def _mail(self) -> Path | None:
        return self._keep / "mail" if self.wanted.smtp is None else None

    def _describe(self, server: str, small: SmallServers) -> None:
        shared, log = small.child.pid, str(self._log("servers"))
        given_s3 = GivenS3.of_url(self.wanted.s3).endpoint if self.wanted.s3 is not None else ""
        me = psutil.Process()
        self._write(
            RunState(
                pid=me.pid,
                started_at=me.create_time(),
                issuer=Part(small.issuer, shared, log),
                signing_key=str(self._keep / "issuer.pem"),
                kafka=Part(small.kafka, shared, log) if small.kafka else Part(self.wanted.kafka or ""),
                database=Part(
                    server,
                    self._postgres.pid if self._postgres else None,
                    str(self._log("postgres")) if self._postgres else None,
                ),
                s3=Part(f"http://127.0.0.1:{self._s3.port}", self._s3.child.pid, str(self._log("s3")))
                if self._s3
                else Part(given_s3),
                smtp=Part(small.smtp, shared, log) if small.smtp else Part(self.wanted.smtp or ""),
                mail=str(self._mail) if self._mail else None,
                data=str(self._keep) if self.wanted.data is not None else None,
            )
        )

    def _write(self, state: RunState) -> None:
        self._state = state
        write_state(self.directory, state)
        if self._small is not None:
            self._small.guard(
                pids={
                    child.pid: int(child.stop_signal)
                    for child in self._children()
                    if child.pid is not None and not child.guards
                },
                scratch=self._scratch,
            )

    def _children(self) -> Iterator[Child]:
        yield from self._services.values()
        yield from self._errands
        if self._s3 is not None:
            yield self._s3.child
        if self._postgres is not None:
            yield self._postgres.child
        if self._small is not None:
            yield self._small.child

    def _start_service(self, name: str, server: str) -> None:
        port = free_port(_PREFERRED_PORTS[name])
        child = self._service_child(name, "serve", server, port, self._log(name))
        self._services[name] = child
        child.start()
        part = Part(f"http://127.0.0.1:{port}", child.pid, str(self._log(name)))
        self._write(replace(self.state, services={**self.state.services, name: part}))

    def _service_child(self, name: str, command: str, server: str, port: int, log: Path) -> Child:
        # On the embedded broker a service needs what `licet_cli.embedded.service` puts in.
        module = [f"licet_{name}"] if self.wanted.kafka else ["licet_cli.embedded.service", name]
        return Child(
            name,
            [sys.executable, "-m", *module, command],
            log,
            env={**os.environ, **self._environment(name, server, port)},
        )

    def _environment(self, name: str, server: str, port: int) -> Mapping[str, str]:
        environment = {
            "LICET_ENVIRONMENT": "embedded",
            "LICET_CLOCK": "movable",
            "LICET_HOST": "127.0.0.1",
            "LICET_PORT": str(port),
            "LICET_DATABASE_URL": database_url(server, f"licet_{name}"),
            "LICET_DATABASE_POOL_MAX": "8",
            "LICET_KAFKA_URL": self.state.kafka.url,
            "LICET_ISSUER_URL": self.state.issuer.url,
            "LICET_SCHEMAS_URL": f"http://127.0.0.1:{port}/schemas",
            "LICET_ENDS_WITH_STDIN": "1",
            "PYTHONUNBUFFERED": "1",
            "MALLOC_ARENA_MAX": "2",  # glibc's arenas for each thread are memory that nobody uses
        }
        if name == "credentials":
            environment |= self._s3_environment()
        if name == "notifier":
            environment |= {
                "LICET_SMTP_URL": self.state.smtp.url,
                "LICET_MAIL_FROM": "licet@licet.example",
                "LICET_MAIL_FALLBACK": "credentials@licet.example",
                "LICET_LINKS_URL": f"http://127.0.0.1:{port}",
                "LICET_LINKS_KEY": self._links_key(),
            }
        return environment

    def _links_key(self) -> str:
        """Return a secret that stays as long as kept data do: it follows from the issuer's key."""
        return hashlib.sha256(b"links\0" + (self._keep / "issuer.pem").read_bytes()).hexdigest()

    def _s3_environment(self) -> Mapping[str, str]:
        if self.wanted.s3 is not None:
            given = GivenS3.of_url(self.wanted.s3)
        elif self._s3 is not None:
            own = self._s3
            given = GivenS3(self.state.s3.url, own.access_key, own.secret_key, own.bucket, own.region)
        else:
            raise EmbeddedError("there is no object store")
        return {
            "LICET_S3_URL": given.endpoint,
            "LICET_S3_BUCKET": given.bucket,
            "LICET_S3_ACCESS_KEY": given.access_key,
            "LICET_S3_SECRET_KEY": given.secret_key,
            "LICET_S3_REGION": given.region,
        }

    def _wait_for_services(self, path: str) -> None:
        deadline = time.monotonic() + _READY_BOUND
        waiting = list(SERVICES)
        answer = ""
        while waiting:
            name = waiting[0]
            self._check(restarting=True)
            good, answer = _get(self.state.services[name].url + path)
            if good:
                waiting.pop(0)
            elif time.monotonic() > deadline:
                said = self._services[name].last_words()
                raise ServerFailed(f"{name} is not ready after {_READY_BOUND:.0f} s: {answer}{said}")
            else:
                time.sleep(0.1)

    def _check(self, *, restarting: bool = False) -> None:
        for child in self._children():
            if child.running or child in self._errands:
                continue
            taken = "address already in use" in child.last_words(40).lower()
            if restarting and taken and child.name in self._services:
                self.say(f"{child.name}: its port has just been taken, trying another …")
                self._start_service(child.name, self.state.database.url)
                return
            raise ServerFailed(
                f"{child.name} ended by itself with {child.exit_code}; the end of {child.log}:"
                f"{child.last_words()}"
            )

    def _backfill(self, server: str) -> None:
        errands = [
            self._service_child(name, "backfill", server, 0, self._log(f"backfill-{name}"))
            for name in SERVICES
        ]
        self._errands += errands
        for errand in errands:
            errand.start()
        self._write(self.state)
        while any(errand.running for errand in errands):
            self._check()
            time.sleep(0.1)
        for errand in errands:
            if errand.exit_code != 0:
                raise ServerFailed(f"the backfill of {errand.name} failed.{errand.last_words()}")


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Raise `KeyboardInterrupt` in the main thread for SIGTERM and SIGHUP as for Ctrl-C."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {sign: signal.signal(sign, interrupt) for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no signal interrupt what ends the run."""
    before = {
        sign: signal.signal(sign, signal.SIG_IGN) for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def _get(url: str) -> tuple[bool, str]:
    """Return whether that URL answers 200, and what it says."""
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310  # our own service
            return True, answer.read(2000).decode(errors="replace")
    except urllib.error.HTTPError as error:
        with contextlib.suppress(ValueError, OSError):
            document = json.loads(error.read(4000))
            return False, str(document.get("detail") or document)
        return False, str(error)
    except OSError as error:
        return False, str(error)
