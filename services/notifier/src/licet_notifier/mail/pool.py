"""Conversations with the mail server: as many as it allows, each used for some mails."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiosmtplib import SMTP
from aiosmtplib.errors import SMTPException

from licet_chassis.backoff import Backoff
from licet_chassis.outage import Outage
from licet_notifier.mail.answers import is_crowded
from licet_notifier.mail.server import NoSession

_QUIT_SECONDS = 5.0


@dataclass(slots=True)
class Conversation:
    """One connection, and how many mails went over it."""

    smtp: SMTP
    mails: int = 0


class Conversations:
    """Lends conversations, up to the number that we want and the server allows.

    A server that refuses another connection while some of ours are open allows fewer than we want: from then
    on as many are used as are open, and one more is tried after a pause that doubles up to a minute.
    """

    def __init__(self, begin: Callable[[], Awaitable[SMTP]], *, most: int, mails_each: int) -> None:
        """`begin` makes a session or raises `NoSession`."""
        self._begin = begin
        self._most = most
        self._mails_each = mails_each
        self._allowed = most
        self._open = 0
        """Lent, idle and being made."""
        self._idle: list[Conversation] = []
        self._changed = asyncio.Event()
        self._backoff = Backoff(1.0, 60.0)
        self._fewer = Outage("licet.mail", "mail.fewer_connections", remind_every=3600)
        self._grow_at = 0.0

    @property
    def capacity(self) -> int:
        """How many mails can be handed over at once."""
        return self._allowed + self._may_grow

    @property
    def _may_grow(self) -> bool:
        return self._allowed < self._most and time.monotonic() >= self._grow_at

    async def lend(self) -> Conversation:
        """Return a conversation, waiting for one where the server allows no more; raises `NoSession`."""
        while True:
            idle = self._take_idle()
            if idle is not None:
                return idle
            if self._open < self.capacity:
                made = await self._make()
                if made is not None:
                    return made
                continue
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(
                    max(0.05, self._grow_at - time.monotonic()) if self._shrunk else None
                ):
                    await self._changed.wait()

    @property
    def _shrunk(self) -> bool:
        return self._allowed < self._most

    async def give_back(self, conversation: Conversation, *, healthy: bool) -> None:
        """Take a conversation back after a mail; one that is broken or used up is ended."""
        conversation.mails += 1
        if healthy and conversation.mails < self._mails_each and self._open <= self.capacity:
            self._idle.append(conversation)
            self._changed.set()
            return
        try:
            if healthy:
                await _quit(conversation.smtp)
        finally:
            conversation.smtp.close()
            self._closed()

    async def close(self) -> None:
        """End the idle conversations."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(_quit(conversation.smtp) for conversation in idle))
        for _ in idle:
            self._closed()

    def _take_idle(self) -> Conversation | None:
        while self._idle:
            conversation = self._idle.pop()
            if conversation.smtp.is_connected:
                return conversation
            conversation.smtp.close()
            self._closed()
        return None

    async def _make(self) -> Conversation | None:
        """Return a new conversation; `None` where the server allows no more than are open."""
        self._open += 1
        try:
            smtp = await self._begin()
        except NoSession as refused:
            self._closed()
            if self._open == 0 or not is_crowded(refused.answer):
                raise
            self._shrink(refused)
            return None
        except BaseException:
            self._closed()
            raise
        if self._open > self._allowed:
            self._allowed = min(self._open, self._most)
            self._backoff.reset()
            self._grow_at = 0.0
            if not self._shrunk:
                self._fewer.over()
        return Conversation(smtp)

    def _shrink(self, refused: NoSession) -> None:
        pause = self._backoff.next()
        self._grow_at = time.monotonic() + pause
        self._allowed = min(self._allowed, self._open)
        self._fewer.failed("fewer", answer=str(refused.answer))

    def _closed(self) -> None:
        self._open -= 1
        self._changed.set()


async def _quit(smtp: SMTP) -> None:
    try:
        await smtp.quit(timeout=_QUIT_SECONDS)
    except (SMTPException, OSError, TimeoutError):
        pass  # It is over either way.
    finally:
        smtp.close()
