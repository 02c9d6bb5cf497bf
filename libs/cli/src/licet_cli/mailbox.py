"""Caught mails: of the embedded SMTP server, or of Mailpit."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Protocol

import httpx

from licet_cli.client import CommandFailed


@dataclass(frozen=True)
class Mail:
    """A caught mail."""

    id: str
    to: str
    subject: str
    date: datetime | None
    """Business time, as the mail says."""
    received_at: datetime
    """Machine time at which it was caught."""
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed."""
        return message_from_bytes(self.raw, _class=EmailMessage, policy=policy.default)

    def body(self, kind: str) -> str:
        """Return the text of its part of that kind, `plain` or `html`; empty if it has none."""
        part = self.message.get_body((kind,))
        return "" if part is None else str(part.get_content())

    def summary(self) -> dict[str, str | None]:
        """Return what a list shows."""
        return {
            "id": self.id,
            "to": self.to,
            "subject": self.subject,
            "date": None if self.date is None else self.date.isoformat(),
            "received_at": self.received_at.isoformat(),
        }


class MailBox(Protocol):
    """Where caught mails are."""

    def mails(self) -> list[Mail]:
        """Return all of them, oldest first."""


@dataclass(frozen=True)
class CaughtMails:
    """The embedded server's directory, one `.eml` a mail."""

    directory: Path

    def mails(self) -> list[Mail]:
        """Return all mails, oldest first."""
        return [
            _mail(path.stem, path.read_bytes(), datetime.fromtimestamp(path.stat().st_mtime, UTC))
            for path in sorted(self.directory.glob("*.eml"))
        ]


@dataclass(frozen=True)
class Mailpit:
    """Mailpit's HTTP interface."""

    url: str

    def mails(self) -> list[Mail]:
        """Return all mails, oldest first; raises `CommandFailed` where Mailpit does not answer."""
        try:
            with httpx.Client(base_url=self.url, timeout=10) as http:
                listed = (
                    http.get("/api/v1/messages", params={"limit": 500}).raise_for_status().json()["messages"]
                )
                return [
                    _mail(
                        item["ID"],
                        http.get(f"/api/v1/message/{item['ID']}/raw").raise_for_status().content,
                        datetime.fromisoformat(item["Created"]),
                    )
                    for item in reversed(listed)
                ]
        except httpx.HTTPError as error:
            raise CommandFailed(f"Mailpit at {self.url} does not answer ({type(error).__name__}).") from None


def _mail(ident: str, raw: bytes, received_at: datetime) -> Mail:
    message = message_from_bytes(raw, policy=policy.default)
    date = message["Date"]
    return Mail(
        id=ident,
        to=str(message["To"]),
        subject=str(message["Subject"]),
        date=None if date is None else parsedate_to_datetime(str(date)),
        received_at=received_at,
        raw=raw,
    )
