"""An SMTP server for tests that keeps what it accepts, and misbehaves when told to."""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Literal

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from licet_cli.embedded.ports import free_port

Misbehaviour = Literal[
    "refuse",  # 554 instead of a greeting, to the next connection
    "mail-4xx",
    "rcpt-4xx",
    "rcpt-5xx",
    "data-4xx",  # after the final dot
    "data-5xx",
    "drop-before-data",  # the connection goes instead of the answer to DATA
    "drop-after-dot-accepted",  # the mail is kept, its answer never comes
    "drop-after-dot-refused",  # the mail is lost, no answer comes
]


@dataclass(frozen=True)
class CaughtMail:
    """One mail as the server accepted it."""

    sender: str
    recipient: str
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed."""
        parsed = message_from_bytes(self.content, policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed


class SmtpServer:
    """A server in a thread of this process, on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        self.messages: list[CaughtMail] = []
        """What was accepted, in order; one entry a recipient."""
        self.delay = 0.0
        """Seconds before the answer to the final dot."""
        self.always: Misbehaviour | None = None
        """How every conversation goes wrong from now on."""
        self.conversations = 0
        """How many connections there have been."""
        self._next: deque[Misbehaviour | None] = deque()
        self._current: Misbehaviour | None = None
        self._controller = _Controller(self)
        self._controller.start()

    @property
    def host(self) -> str:
        """Where it listens."""
        return "127.0.0.1"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._controller.port)

    @property
    def url(self) -> str:
        """Where it listens, as LICET_SMTP_URL has it."""
        return f"smtp://{self.host}:{self.port}"

    def misbehave(self, *how: Misbehaviour | None) -> None:
        """Let the next mails go wrong, each in its way; `None` lets one through."""
        self._next.extend(how)

    def reset(self) -> None:
        """Forget every mail and behave again."""
        self.messages.clear()
        self._next.clear()
        self.always, self.delay, self.conversations = None, 0.0, 0

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(Exception):
            self._controller.stop()

    def fault(self, *of: Misbehaviour) -> Misbehaviour | None:
        """Take the fault that is due now, if it is one of these."""
        if self.always in of:
            return self.always
        if self._next and self._next[0] is None and "data-5xx" in of:
            self._next.popleft()  # this mail was to go through
        elif self._next and self._next[0] in of:
            return self._next.popleft()
        return None


class _Controller(Controller):
    def __init__(self, smtp: SmtpServer) -> None:
        super().__init__(_Handler(smtp), hostname="127.0.0.1", port=free_port())
        self._smtp = smtp

    def factory(self) -> SMTP:
        return _Conversation(
            self._smtp, self.handler, enable_SMTPUTF8=True, hostname="test", data_size_limit=2**25
        )


class _Conversation(SMTP):
    def __init__(self, smtp: SmtpServer, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._smtp = smtp

    def connection_made(self, transport: Any) -> None:
        self._smtp.conversations += 1
        if self._smtp.fault("refuse"):
            transport.write(b"554 no service here\r\n")
            transport.close()
            return
        super().connection_made(transport)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if self._smtp.fault("drop-before-data"):
            _cut(self)
            return
        await super().smtp_DATA(arg)


class _Handler:
    def __init__(self, smtp: SmtpServer) -> None:
        self._smtp = smtp

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._smtp.fault("mail-4xx"):
            return "451 try again later"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        match self._smtp.fault("rcpt-4xx", "rcpt-5xx"):
            case "rcpt-4xx":
                return "450 mailbox busy"
            case "rcpt-5xx":
                return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        fault = self._smtp.fault("data-4xx", "data-5xx", "drop-after-dot-accepted", "drop-after-dot-refused")
        if self._smtp.delay:
            await asyncio.sleep(self._smtp.delay)
        if fault == "data-4xx":
            return "451 try again later"
        if fault == "data-5xx":
            return "554 not this one"
        if fault != "drop-after-dot-refused":
            content = envelope.original_content or b""
            for recipient in envelope.rcpt_tos:
                self._smtp.messages.append(CaughtMail(envelope.mail_from or "", recipient, content))
        if fault is not None:
            _cut(server)
        return "250 accepted"


def _cut(conversation: SMTP) -> None:
    transport: Any = conversation.transport
    transport.abort()
