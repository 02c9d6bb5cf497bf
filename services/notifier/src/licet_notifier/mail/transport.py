"""Handing mails to the SMTP server, and what each attempt came to."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from aiosmtplib import SMTP
from aiosmtplib.errors import SMTPException

from licet_notifier.mail.answers import Answer, Blame, Stage, blame
from licet_notifier.mail.pool import Conversation, Conversations
from licet_notifier.mail.server import BadSmtpUrl, NoSession, SmtpServer, begin_session
from licet_notifier.mail.trouble import ServerTrouble

__all__ = ["Attempt", "BadSmtpUrl", "MailTransport", "Result", "SmtpServer", "TransportLimits"]

_OPEN_DATA = 354


class Result(StrEnum):
    """What one attempt to send came to."""

    SENT = "sent"
    REFUSED = "refused"
    """The server answered 5xx about this mail: it will not take it."""
    TEMPORARY = "temporary"
    """The server answered 4xx about this mail, or the connection broke before the mail was handed over."""
    NO_SERVER = "no_server"
    """The server has trouble of its own, or with us; that uses no attempt of this mail."""
    UNKNOWN = "unknown"
    """The mail was handed over and the answer is missing."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The outcome of one attempt."""

    result: Result
    answer: Answer | None = None
    """What the server said, or how the connection failed."""

    @property
    def smtp_status(self) -> int | None:
        """The code of the answer."""
        return None if self.answer is None else self.answer.code


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """Bounds on connections and on waiting, in seconds of machine time."""

    connections: int = 8
    mails_per_connection: int = 100
    connect_timeout: float = 30.0
    command_timeout: float = 120.0
    final_timeout: float = 600.0
    """How long the reply to the final dot may take: ten minutes by RFC 5321, 4.5.3.2.6."""


class MailTransport:
    """Sends mails over a bounded number of conversations, each reused for some mails.

    One mail has one recipient: a server may accept some of several and refuse the others, and its
    answer would not say for whom. Trouble that is the server's own pauses all sending (`trouble`).
    """

    def __init__(
        self,
        server: SmtpServer,
        limits: TransportLimits,
        *,
        tls_context: ssl.SSLContext | None = None,
        ehlo_name: str | None = None,
        trouble: ServerTrouble | None = None,
    ) -> None:
        """Connect to nothing yet."""
        self._server = server
        self._limits = limits
        self._tls_context = tls_context
        self._ehlo_name = ehlo_name
        self.trouble = trouble or ServerTrouble(server.name)
        self._relays = False
        """Whether the server has taken a mail."""
        self._conversations = Conversations(
            self._begin, most=limits.connections, mails_each=limits.mails_per_connection
        )

    @property
    def capacity(self) -> int:
        """How many mails may be on their way now: none during a pause, one to try the server after it."""
        if self.trouble.answer is not None:
            return 0 if self.trouble.paused else 1
        return self._conversations.capacity

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        server: SmtpServer,
        limits: TransportLimits,
        *,
        tls_context: ssl.SSLContext | None = None,
        ehlo_name: str | None = None,
        trouble: ServerTrouble | None = None,
    ) -> AsyncIterator[Self]:
        """Give a transport that says QUIT on its connections in the end."""
        transport = cls(server, limits, tls_context=tls_context, ehlo_name=ehlo_name, trouble=trouble)
        try:
            yield transport
        finally:
            await transport.close()

    async def send(self, sender: str, recipient: str, message: bytes) -> Attempt:
        """Hand over one mail and say what became of it; raises only what it is cancelled with.

        `message` has CRLF line ends and ends in one.
        """
        while True:
            try:
                conversation = await self._conversations.lend()
            except NoSession as error:
                attempt = Attempt(Result.NO_SERVER, error.answer)
                break
            reused = conversation.mails > 0
            healthy = False
            try:
                attempt, healthy = await self._transact(conversation, sender, recipient, message)
            finally:
                # A session that broke off in the middle can't be reused.
                await self._conversations.give_back(conversation, healthy=healthy)
            if not (reused and _ended_before(attempt)):
                break
        return self._noted(attempt)

    async def probe(self, sender: str) -> None:
        """Find out whether the server takes mails again, with a conversation up to MAIL and no mail."""
        try:
            conversation = await self._conversations.lend()
        except NoSession as error:
            self.trouble.occurred(error.answer)
            return
        healthy = False
        stage = Stage.MAIL
        try:
            await conversation.smtp.mail(sender, timeout=self._limits.command_timeout)
            healthy = await self._reset(conversation.smtp)
        except (SMTPException, OSError, TimeoutError) as error:
            self.trouble.occurred(Answer.of_error(stage, error))
        else:
            self.trouble.over()
        finally:
            await self._conversations.give_back(conversation, healthy=healthy)

    async def close(self) -> None:
        """End the idle connections."""
        await self._conversations.close()

    async def _begin(self) -> SMTP:
        return await begin_session(
            self._server, step_seconds=self._limits.connect_timeout, ehlo_name=self._ehlo_name,
            tls_context=self._tls_context,
        )  # fmt: skip

    def _noted(self, attempt: Attempt) -> Attempt:
        if attempt.result is Result.NO_SERVER:
            assert attempt.answer is not None  # noqa: S101  # it is judged by its answer
            self.trouble.occurred(attempt.answer)
        elif attempt.smtp_status is not None:
            self.trouble.over()
            self._relays = self._relays or attempt.result is Result.SENT
        return attempt

    async def _transact(
        self, conversation: Conversation, sender: str, recipient: str, message: bytes
    ) -> tuple[Attempt, bool]:
        """Return the outcome, and whether the connection may be used again."""
        smtp, timeout = conversation.smtp, self._limits.command_timeout
        stage = Stage.MAIL
        try:
            await smtp.mail(sender, timeout=timeout)
            stage = Stage.RCPT
            await smtp.rcpt(recipient, timeout=timeout)
            stage = Stage.DATA
            opened = await smtp.execute_command(b"DATA", timeout=timeout)
        except (SMTPException, OSError, TimeoutError) as error:
            answer = Answer.of_error(stage, error)
            return self._judged(answer, sender, recipient), await self._usable_after(smtp, answer)
        if opened.code != _OPEN_DATA:
            answer = Answer.of(stage, opened.code, opened.message)
            return self._judged(answer, sender, recipient), await self._usable_after(smtp, answer)
        return await self._hand_over(smtp, sender, recipient, message)

    async def _hand_over(
        self, smtp: SMTP, sender: str, recipient: str, message: bytes
    ) -> tuple[Attempt, bool]:
        """Write the mail and wait for the answer that settles it."""
        protocol = smtp.protocol
        if protocol is None:
            return Attempt(Result.TEMPORARY, Answer(Stage.DATA, None, "the connection is gone")), False
        # A line that begins with a dot gets another one (RFC 5321, 4.5.2).
        stuffed = message.replace(b"\r\n.", b"\r\n..")
        try:
            protocol.write(stuffed + b".\r\n")
        except (SMTPException, OSError) as error:
            return Attempt(Result.TEMPORARY, Answer.of_error(Stage.DATA, error)), False
        try:
            reply = await protocol.read_response(timeout=self._limits.final_timeout)
        except (SMTPException, OSError, TimeoutError) as error:
            return Attempt(Result.UNKNOWN, Answer.of_error(Stage.FINAL, error)), False
        answer = Answer.of(Stage.FINAL, reply.code, reply.message)
        if 200 <= reply.code < 300:
            return Attempt(Result.SENT, answer), True
        return self._judged(answer, sender, recipient), reply.code != 421

    def _judged(self, answer: Answer, sender: str, recipient: str) -> Attempt:
        fault = blame(
            answer, sender=sender, recipient=recipient, ehlo_name=self._ehlo_name, relays=self._relays
        )
        if fault is Blame.SERVER:
            return Attempt(Result.NO_SERVER, answer)
        # 503 is about the order of commands, which is not the mail's fault for good.
        permanent = answer.code is not None and 500 <= answer.code < 600 and answer.code != 503
        return Attempt(Result.REFUSED if permanent else Result.TEMPORARY, answer)

    async def _usable_after(self, smtp: SMTP, answer: Answer) -> bool:
        """Forget a transaction that was refused; the next mail may still go over this connection."""
        if answer.code is None or answer.code == 421 or not smtp.is_connected:
            return False
        return await self._reset(smtp)

    async def _reset(self, smtp: SMTP) -> bool:
        try:
            await smtp.rset(timeout=self._limits.command_timeout)
        except (SMTPException, OSError, TimeoutError):
            return False
        return True


def _ended_before(attempt: Attempt) -> bool:
    """Tell whether the server had ended a conversation before the mail: another one may well take it."""
    answer = attempt.answer
    return answer is not None and answer.stage is Stage.MAIL and answer.code in {None, 421}
