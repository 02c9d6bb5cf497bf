"""The deployment that a command talks to: the embedded run, or Compose with the demo override."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import httpx
import typer

from licet_cli.client import CommandFailed, ServiceClient
from licet_cli.embedded.issuer import SigningKey
from licet_cli.embedded.state import SERVICES, current_run
from licet_cli.mailbox import CaughtMails, MailBox, Mailpit


class Deployment(StrEnum):
    """What a command may be told to talk to."""

    EMBEDDED = "embedded"
    COMPOSE = "compose"


Against = Annotated[
    Deployment,
    typer.Option("--against", help="Which deployment: the embedded run, or Compose with the demo override."),
]

_SUBJECT = "licet-cli"
_TOKEN_LIFE = 1800.0
"""Seconds after which a new token is asked for; they are good for an hour."""


@dataclass(frozen=True)
class Target:
    """A running deployment and the ways into it."""

    services: Mapping[str, ServiceClient]
    kafka_url: str
    mails: MailBox | None
    mint: Callable[[str], str]
    """Returns a token of a person, by the subject that it is to name."""

    def service(self, name: str) -> ServiceClient:
        """Return the client of a service; raises `CommandFailed` for a name that is none."""
        if name not in self.services:
            raise CommandFailed(f"There is no service {name!r}; there are {', '.join(self.services)}.")
        return self.services[name]

    def service_for(self, name: str, subject: str) -> ServiceClient:
        """Return a client of a service that another person uses; whoever asks for it closes it."""
        return ServiceClient(name, self.service(name).url, _renewed(partial(self.mint, subject)))

    @property
    def mail_box(self) -> MailBox:
        """Where caught mails are; raises `CommandFailed` where mails are really sent."""
        if self.mails is None:
            raise CommandFailed(
                "This run sends its mails to the server given by --smtp; nothing is caught here."
            )
        return self.mails


@contextmanager
def open_target(against: str = Deployment.EMBEDDED) -> Iterator[Target]:
    """Open the way to a deployment; raises `CommandFailed` or `NoRun` with what to do."""
    urls, kafka_url, mails, mint = _compose() if against == Deployment.COMPOSE else _embedded()
    token = _renewed(partial(mint, _SUBJECT))
    with ExitStack() as stack:
        services = {name: stack.enter_context(ServiceClient(name, url, token)) for name, url in urls.items()}
        yield Target(services, kafka_url, mails, mint)


_Ways = tuple[dict[str, str], str, MailBox | None, Callable[[str], str]]


def _embedded() -> _Ways:
    run = current_run()
    key = SigningKey.of_file(Path(run.signing_key))
    return (
        {name: part.url for name, part in run.services.items()},
        run.kafka.url,
        CaughtMails(Path(run.mail)) if run.mail else None,
        lambda subject: key.token(issuer=run.issuer.url, now=datetime.now(UTC), subject=subject),
    )


def _compose() -> _Ways:
    """The ports that docker-compose.yml and its demo override publish on this machine."""
    issuer = os.environ.get("LICET_COMPOSE_ISSUER", "http://127.0.0.1:8005")
    secret = os.environ.get("LICET_ISSUER_SECRET", "licet-on-this-machine")

    def mint(subject: str) -> str:
        form = {"grant_type": "client_credentials", "client_id": subject, "client_secret": secret}
        try:
            answer = httpx.post(f"{issuer}/token", data=form, timeout=10).raise_for_status()
        except httpx.HTTPError as error:
            raise CommandFailed(
                f"The demo issuer at {issuer} gives no token ({type(error).__name__}); start Compose with "
                "docker compose -f docker-compose.yml -f docker-compose.demo.yml up --wait."
            ) from None
        return str(answer.json()["access_token"])

    urls = {name: f"http://127.0.0.1:{8001 + number}" for number, name in enumerate(SERVICES)}
    return urls, "127.0.0.1:9094", Mailpit("http://127.0.0.1:8025"), mint


def _renewed(mint: Callable[[], str]) -> Callable[[], str]:
    kept: list[tuple[float, str]] = []

    def token() -> str:
        if not kept or time.monotonic() - kept[0][0] > _TOKEN_LIFE:
            kept[:] = [(time.monotonic(), mint())]
        return kept[0][1]

    return token
