"""Handing mails to the SMTP server: pooled connections, and what each attempt came to."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from aiosmtplib import SMTP
from aiosmtplib.errors import SMTPException, SMTPResponseException

_OPEN_DATA = 354
_TLS_OF_SCHEME = {"smtp": False, "smtps": True}
_STARTTLS = {"auto": None, "always": True, "never": False}


class Result(StrEnum):
    """What one attempt to send came to."""

    SENT = "sent"
    REFUSED = "refused"
    """The server answered 5xx: it will not take this mail."""
    TEMPORARY = "temporary"
    """The server answered 4xx, or the connection broke before the mail was handed over."""
    UNREACHABLE = "unreachable"
    """There was no connection, or no session on it; this mail was not attempted."""
    UNKNOWN = "unknown"
    """The mail was handed over and the answer is missing."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The outcome of one attempt."""

    result: Result
    smtp_status: int | None = None


class BadSmtpUrl(ValueError):
    """The URL does not name an SMTP server; the message says what is wrong, without the password."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mails are handed in."""

    host: str
    port: int
    tls: bool
    """TLS from the first byte."""
    starttls: bool | None
    """Whether TLS is asked for in the session: always, never, or `None` where the server offers it."""
    user: str | None
    password: str | None

    def __repr__(self) -> str:
        """Show no password."""
        return f"SmtpServer({self.host}:{self.port})"

    @classmethod
    def of_url(cls, url: str) -> Self:
        """Read `smtp[s]://[user:password@]host[:port][?starttls=auto|always|never]`.

        Raises `BadSmtpUrl`. A password is only sent under TLS, unless the URL says `starttls=never`.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise BadSmtpUrl("the port of the SMTP URL is not a number up to 65535") from error
        tls = _TLS_OF_SCHEME.get(parts.scheme)
        if tls is None:
            raise BadSmtpUrl("the SMTP URL must begin with smtp:// or smtps://")
        if not parts.hostname:
            raise BadSmtpUrl("the SMTP URL names no host")
        options = parse_qs(parts.query, keep_blank_values=True)
        starttls = options.pop("starttls", ["always" if parts.username and not tls else "auto"])[-1]
        if options or starttls not in _STARTTLS:
            raise BadSmtpUrl("the only option of the SMTP URL is starttls=auto, always or never")
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        default_port = 465 if tls else 25
        return cls(parts.hostname, port or default_port, tls, _STARTTLS[starttls], user, password)


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """Bounds on connections and on waiting, in seconds of machine time."""

    connections: int = 8
    mails_per_connection: int = 100
    connect_timeout: float = 30.0
    command_timeout: float = 120.0
    final_timeout: float = 600.0
    """How long the reply to the final dot may take: ten minutes by RFC 5321, 4.5.3.2.6."""


@dataclass(slots=True)
class _Connection:
    smtp: SMTP
    mails: int = 0


class MailTransport:
    """A bounded number of connections, each one conversation, reused for some mails.

    One mail has one recipient: a server may accept some of several and refuse the others, and its
    answer would not say for whom.
    """

    def __init__(
        self, server: SmtpServer, limits: TransportLimits, *, tls_context: ssl.SSLContext | None = None
    ) -> None:
        """Connect to nothing yet."""
        self._server = server
        self._limits = limits
        self._tls_context = tls_context
        self._slots = asyncio.Semaphore(limits.connections)
        self._idle: list[_Connection] = []

    @property
    def limits(self) -> TransportLimits:
        """The bounds it keeps."""
        return self._limits

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, server: SmtpServer, limits: TransportLimits) -> AsyncIterator[Self]:
        """Give a transport that says QUIT on its connections in the end."""
        transport = cls(server, limits)
        try:
            yield transport
        finally:
            await transport.close()

    async def send(self, sender: str, recipient: str, message: bytes) -> Attempt:
        """Hand over one mail and say what became of it; raises only what it is cancelled with.

        `message` has CRLF line ends and ends in one.
        """
        async with self._slots:
            try:
                connection = self._reusable() or await self._connect()
            except (SMTPException, OSError, TimeoutError) as error:
                return Attempt(Result.UNREACHABLE, _status(error))
            healthy = False
            try:
                attempt, healthy = await self._transact(connection.smtp, sender, recipient, message)
            finally:
                # A session that broke off in the middle can't be reused.
                connection.mails += 1
                if healthy and connection.mails < self._limits.mails_per_connection:
                    self._idle.append(connection)
                elif healthy:
                    await self._quit(connection.smtp)
                else:
                    connection.smtp.close()
            return attempt

    async def close(self) -> None:
        """End the idle connections."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(self._quit(connection.smtp) for connection in idle))

    def _reusable(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.smtp.is_connected:
                return connection
            connection.smtp.close()
        return None

    async def _connect(self) -> _Connection:
        server = self._server
        smtp = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls,
            start_tls=False if server.tls else server.starttls,
            username=server.user,
            password=server.password,
            tls_context=self._tls_context,
            timeout=self._limits.connect_timeout,
        )
        try:
            async with asyncio.timeout(2 * self._limits.connect_timeout):
                await smtp.connect()
                if smtp.is_ehlo_or_helo_needed:
                    await smtp.ehlo()
        except BaseException:
            smtp.close()
            raise
        return _Connection(smtp)

    async def _transact(
        self, smtp: SMTP, sender: str, recipient: str, message: bytes
    ) -> tuple[Attempt, bool]:
        """Return the outcome, and whether the connection may be used again."""
        timeout = self._limits.command_timeout
        try:
            await smtp.mail(sender, timeout=timeout)
            await smtp.rcpt(recipient, timeout=timeout)
            opened = await smtp.execute_command(b"DATA", timeout=timeout)
            if opened.code != _OPEN_DATA:
                raise SMTPResponseException(opened.code, opened.message)
        except SMTPResponseException as error:
            return _refusal(error.code), await self._reset(smtp, error.code)
        except (SMTPException, OSError, TimeoutError):
            return Attempt(Result.TEMPORARY), False
        return await self._hand_over(smtp, message)

    async def _hand_over(self, smtp: SMTP, message: bytes) -> tuple[Attempt, bool]:
        """Write the mail and wait for the answer that settles it."""
        protocol = smtp.protocol
        if protocol is None:
            return Attempt(Result.TEMPORARY), False
        # A line that begins with a dot gets another one (RFC 5321, 4.5.2).
        stuffed = message.replace(b"\r\n.", b"\r\n..")
        try:
            protocol.write(stuffed + b".\r\n")
        except (SMTPException, OSError):
            return Attempt(Result.TEMPORARY), False
        try:
            answer = await protocol.read_response(timeout=self._limits.final_timeout)
        except (SMTPException, OSError, TimeoutError):
            return Attempt(Result.UNKNOWN), False
        if 200 <= answer.code < 300:
            return Attempt(Result.SENT, answer.code), True
        return _refusal(answer.code), answer.code != 421

    async def _reset(self, smtp: SMTP, code: int) -> bool:
        """Forget a transaction that was refused; the next mail may still go over this connection."""
        if code == 421 or not smtp.is_connected:
            return False
        try:
            await smtp.rset(timeout=self._limits.command_timeout)
        except (SMTPException, OSError, TimeoutError):
            return False
        return True

    async def _quit(self, smtp: SMTP) -> None:
        try:
            await smtp.quit(timeout=self._limits.connect_timeout)
        except (SMTPException, OSError, TimeoutError):
            pass  # It is over either way.
        finally:
            smtp.close()


def _status(error: BaseException) -> int | None:
    return error.code if isinstance(error, SMTPResponseException) and error.code > 0 else None


def _refusal(code: int) -> Attempt:
    """Sort an answer that is not yes. One that is no answer at all (aiosmtplib's -1) is temporary."""
    # 530 and 535 are about our login and 503 about the order of commands: none is about this mail.
    permanent = 500 <= code < 600 and code not in {503, 530, 535}
    return Attempt(Result.REFUSED if permanent else Result.TEMPORARY, code if code > 0 else None)
