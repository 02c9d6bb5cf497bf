"""The state of a run for other terminals: the file `.licet/run.json`, readable by its user only."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

from licet_cli.embedded.errors import EmbeddedError

SERVICES = ("credentials", "certifications", "scheduler", "notifier")
_DIRECTORY = ".licet"
_FILE = "run.json"


class NoRun(EmbeddedError):
    """There is no embedded run to talk to."""


@dataclass(frozen=True)
class Part:
    """One server or service of a run."""

    url: str
    pid: int | None = None
    """Its process; several parts may share one. `None`: given by URL, run by somebody else."""
    log: str | None = None
    """Its log file."""

    @property
    def running(self) -> bool:
        """Whether its process is there; always so for one that somebody else runs."""
        return self.pid is None or bool(psutil.pid_exists(self.pid))


@dataclass(frozen=True)
class RunState:
    """An embedded run as it describes itself."""

    pid: int
    """The process of `licet up`."""
    started_at: float
    """When that process began, so that a later one with the same id is not taken for it."""
    issuer: Part
    signing_key: str
    """The file of the issuer's private key, with which `licet token` signs."""
    kafka: Part
    database: Part
    """Its URL has the password and leads to the database `postgres`."""
    s3: Part
    smtp: Part
    mail: str | None = None
    """The directory of caught mails; `None` where SMTP was given by URL."""
    data: str | None = None
    """The directory that outlives the run, if one was given."""
    services: Mapping[str, Part] = field(default_factory=dict)
    ready: bool = False
    """Whether everything has been up at least once."""

    @property
    def alive(self) -> bool:
        """Whether `licet up` still runs."""
        try:
            return bool(abs(psutil.Process(self.pid).create_time() - self.started_at) < 1.0)
        except psutil.NoSuchProcess:
            return False

    @property
    def parts(self) -> dict[str, Part]:
        """Everything of the run by name, services first."""
        servers = {"kafka": self.kafka, "database": self.database, "s3": self.s3}
        return {**self.services, **servers, "smtp": self.smtp, "issuer": self.issuer}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read the state back."""
        known = dict(document)
        for name in ("issuer", "kafka", "database", "s3", "smtp"):
            known[name] = Part(**known[name])
        known["services"] = {name: Part(**part) for name, part in known["services"].items()}
        return cls(**known)


def run_directory() -> Path:
    """Return where a run started from here keeps its state: `LICET_RUN_DIR`, or `.licet` here."""
    return Path(os.environ.get("LICET_RUN_DIR") or Path.cwd() / _DIRECTORY).absolute()


def write_state(directory: Path, state: RunState) -> None:
    """Replace the state file as a whole, so that a reader never sees half of it."""
    fresh = directory / f"{_FILE}.{secrets.token_hex(4)}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(state), file, indent=2)
    fresh.replace(directory / _FILE)


def forget_state(directory: Path) -> None:
    """Remove the state file."""
    (directory / _FILE).unlink(missing_ok=True)


def read_state(directory: Path) -> RunState | None:
    """Return the run whose state is in `directory`, if it is still there."""
    try:
        document = json.loads((directory / _FILE).read_text())
        state = RunState.from_document(document)
    except FileNotFoundError:
        return None
    except PermissionError:
        raise NoRun(f"{directory / _FILE} belongs to another user") from None
    except (ValueError, TypeError, KeyError) as error:
        raise NoRun(f"{directory / _FILE} is not of this version of licet: {error}") from None
    return state if state.alive else None


def current_run() -> RunState:
    """Return the run of this directory or of the nearest one above; raises `NoRun` if there is none."""
    if os.environ.get("LICET_RUN_DIR"):
        candidates = [run_directory()]
    else:
        here = Path.cwd().absolute()
        candidates = [place / _DIRECTORY for place in (here, *here.parents)]
    for directory in candidates:
        state = read_state(directory)
        if state is not None:
            return state
    raise NoRun("nothing is running here; start it with `licet up`")
