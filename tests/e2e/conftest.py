"""One embedded run for all tests here; on the servers that the session asks for (`support.servers`).

Its clock only goes forward and every test leaves things in it, so each makes codes of its own
(`tag`) and counts days from business time.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from licet_cli import clock as moving
from licet_cli import main, topics
from licet_cli.mailbox import Mail
from licet_cli.target import Target, open_target
from licet_events import Topic
from support.running import Outcome, Run
from support.servers.choice import way

TOPICS = Path(__file__).parents[2] / "deploy" / "topics.toml"


@pytest.fixture(scope="session")
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The run that the session shares; whoever needs a fresh one starts it."""
    options: list[str] = []
    if way() != "embedded":
        kafka, s3 = request.getfixturevalue("kafka_server"), request.getfixturevalue("s3")
        asyncio.run(kafka.reset_topics())  # what other tests left there would be taken for ours
        where = urlsplit(s3.endpoint)
        keys = f"{s3.access_key}:{s3.secret_key}"
        wanted = topics.read(TOPICS)
        present = asyncio.run(topics.look(kafka.bootstrap, [topic.name for topic in wanted]))
        asyncio.run(topics.apply(kafka.bootstrap, topics.compare(wanted, present)))
        options += ["--kafka", kafka.bootstrap, "--topics", str(TOPICS)]
        options += ["--s3", f"{where.scheme}://{keys}@{where.netloc}/{s3.create_bucket()}?region={s3.region}"]
    with Run(tmp_path_factory.mktemp("run"), *options).up() as started:
        yield started


@pytest.fixture
def cli(run: Run) -> Callable[..., Outcome]:
    """The command: `cli("mail", "list")` returns its exit code and what it said."""
    return run.cli


@pytest.fixture
def inside(
    run: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """The command as `cli`, but within this process: quicker, and what it does not catch is raised."""

    def call(*arguments: str) -> Outcome:
        monkeypatch.setattr("sys.argv", ["licet", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.app()
        said = capfd.readouterr()
        return Outcome(int(ended.value.code or 0), said.out, said.err)

    monkeypatch.setenv("LICET_RUN_DIR", run.environment["LICET_RUN_DIR"])
    return call


@pytest.fixture(scope="session")
def target(run: Run) -> Iterator[Target]:
    """The run as the commands see it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LICET_RUN_DIR", run.environment["LICET_RUN_DIR"])
        with open_target() as opened:
            yield opened


@pytest.fixture
def tag() -> str:
    """A word that nobody else uses."""
    return uuid4().hex[:8]


@dataclass(frozen=True)
class World:
    """Short words for what tests do with a run."""

    run: Run
    target: Target

    @property
    def now(self) -> datetime:
        """Business now."""
        return moving.read_clock(self.target.service("credentials")).now

    def today(self, zone: str) -> date:
        """The civil date of business now in a zone."""
        return self.now.astimezone(ZoneInfo(zone)).date()

    def day(self, days: int, zone: str = "UTC") -> str:
        """The date so many days from today in a zone."""
        return (self.today(zone) + timedelta(days=days)).isoformat()

    def move(self, to: datetime, *, jump: bool = False) -> None:
        """Move business time; everything due by then is worked off."""
        moving.move(self.target, to, jump=jump)

    def quiet(self) -> None:
        """Wait until everything is worked off."""
        moving.quiesce(self.target)

    def holder(self, name: str, **facts: Any) -> Any:
        """Register a holder."""
        body = {"kind": "employee", "name": name, "time_zone": "UTC", **facts}
        return self.target.service("credentials").post("/v1/holders", body)

    def type(self, code: str, **rules: Any) -> Any:
        """Define a credential type."""
        body = {"code": code, "name": f"Type {code}", "category": "license", **rules}
        return self.target.service("credentials").post("/v1/credential-types", body)

    def credential(self, holder: Any, code: str, **facts: Any) -> Any:
        """Record a credential."""
        body = {"holder_id": holder["id"], "type": code, "time_zone": "UTC", **facts}
        return self.target.service("credentials").post("/v1/credentials", body)

    def act(self, credential: Any, action: str, **body: Any) -> Any:
        """Do something with a credential: `renewals`, `suspend`, …"""
        return self.target.service("credentials").post(f"/v1/credentials/{credential['id']}/{action}", body)

    def requirement(self, target: str, code: str, **rule: Any) -> Any:
        """Require a credential type for a target."""
        body = {"target": target, "expression": {"all_of": [code]}, **rule}
        return self.target.service("certifications").post("/v1/requirements", body)

    def shown(self, credential: Any) -> Any:
        """A credential as it is now."""
        return self.target.service("credentials").get(f"/v1/credentials/{credential['id']}")

    def timeline(self, holder: Any, target: str) -> list[Any]:
        """The eligibility of a holder for a target."""
        path = f"/v1/eligibility/{holder['id']}"
        intervals: list[Any] = self.target.service("certifications").get(path, target=target)["intervals"]
        return intervals

    def timer(self, credential: Any) -> Any:
        """What is due, and what was decided, for a credential."""
        (timer,) = self.target.service("scheduler").items("/v1/timers", credential_id=credential["id"])
        return timer

    def notes(self, credential: Any) -> list[Any]:
        """Every decision to tell somebody about a credential, or not to."""
        service = self.target.service("notifier")
        return list(service.items("/v1/notifications", credential_id=credential["id"]))

    def told(self, thing: Any, topic: Topic) -> list[tuple[str, Any]]:
        """The events about a thing on a topic: short type and data, in order."""
        return [
            (seen.attributes["type"].removeprefix("licet.").removesuffix(".v1"), seen.document()["data"])
            for seen in self.run.events(topic)
            if thing["id"] in (seen.key or "").split("/")
        ]

    def mails(self, address: str) -> list[Mail]:
        """The mails that somebody got, oldest first."""
        return [mail for mail in self.target.mail_box.mails() if address in mail.to]


@pytest.fixture(scope="session")
def world(run: Run, target: Target) -> World:
    """The run, with short words for what tests do."""
    return World(run, target)
