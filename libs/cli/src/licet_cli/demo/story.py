"""What the steps of the demonstration share, and the ways to look at what has come of them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from licet_cli import clock as moving
from licet_cli.client import CommandFailed
from licet_cli.event_stream import Seen, follow
from licet_cli.mailbox import Mail
from licet_cli.target import Target
from licet_events import Topic

ZONE = "Europe/Berlin"


class FellShort(CommandFailed):
    """A step did not have its promised result."""


@dataclass
class Story:
    """What the steps have made so far, and the way to look at it."""

    target: Target
    tell: Callable[[str], None]
    tag: str = field(default_factory=lambda: uuid4().hex[:6])
    holder: dict[str, Any] = field(default_factory=dict)
    manager: dict[str, Any] = field(default_factory=dict)
    forklift: dict[str, Any] = field(default_factory=dict)
    crane: dict[str, Any] = field(default_factory=dict)
    enrolment: dict[str, Any] = field(default_factory=dict)

    def today(self) -> date:
        """Return the civil date of business now where the story plays."""
        return moving.read_clock(self.target.service("credentials")).now.astimezone(ZoneInfo(ZONE)).date()

    def expect(self, fact: object, what: str) -> None:
        """Go on only if `fact` is true."""
        if not fact:
            raise FellShort(f"fell short: {what}")
        self.tell(f"   ok  {what}")

    def events(self, subject: str, topic: Topic) -> list[Seen]:
        """Return everything on a topic that is about `subject`, in order."""

        async def read() -> list[Seen]:
            records = follow(self.target.kafka_url, [topic], from_start=True, until_end=True)
            return [seen async for seen in records if subject in (seen.key or "")]

        return asyncio.run(read())

    def names(self, subject: str, topic: Topic) -> list[str]:
        """Return the types of those events, short."""
        return [
            seen.attributes["type"].removeprefix("licet.").removesuffix(".v1")
            for seen in self.events(subject, topic)
        ]

    def mails(self, word: str) -> list[Mail]:
        """Return the caught mails of this story whose text has `word`."""
        mine = (f"holder-{self.tag}@", f"manager-{self.tag}@")
        return [
            m
            for m in self.target.mail_box.mails()
            if any(a in m.to for a in mine) and word in m.body("plain")
        ]

    def credential(self, credential: dict[str, Any]) -> dict[str, Any]:
        """Return a credential as it is now."""
        answer: dict[str, Any] = self.target.service("credentials").get(f"/v1/credentials/{credential['id']}")
        return answer

    def timeline(self, role: str) -> list[dict[str, Any]]:
        """Return the holder's eligibility for a role."""
        path = f"/v1/eligibility/{self.holder['id']}"
        intervals: list[dict[str, Any]] = self.target.service("certifications").get(
            path, target=f"role:{role}"
        )["intervals"]
        return intervals

    def verdict(self, role: str, at: datetime) -> tuple[str, set[str]]:
        """Return the verdict at an instant, with the codes of its reasons."""
        for interval in self.timeline(role):
            start, end = (interval[n] and datetime.fromisoformat(interval[n]) for n in ("start", "end"))
            if (start is None or start <= at) and (end is None or at < end):
                return interval["verdict"], {reason["code"] for reason in interval["reasons"]}
        raise FellShort(f"the timeline for {role} has a hole at {at}")

    def now(self) -> datetime:
        """Return business now."""
        return moving.read_clock(self.target.service("credentials")).now

    def advance(self, days: int, *, jump: bool = False) -> datetime:
        """Move business time and return the instant that was set."""
        to = (self.now() + timedelta(days=days)).replace(microsecond=0)
        moving.move(
            self.target, to, jump=jump, on_step=lambda step: self.tell(f"       {step:%Y-%m-%d %H:%M} UTC")
        )
        return to
