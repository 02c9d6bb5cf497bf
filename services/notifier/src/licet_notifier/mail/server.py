"""Which SMTP server mails are handed to, and how a session with it is begun."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from aiosmtplib import SMTP
from aiosmtplib.errors import SMTPException

from licet_notifier.mail.answers import Answer, Stage

_TLS_OF_SCHEME = {"smtp": False, "smtps": True}
_STARTTLS = {"auto": None, "always": True, "never": False}


class BadSmtpUrl(ValueError):
    """The URL does not name an SMTP server; the message says what is wrong, without the password."""


def authorities(ca_file: str) -> ssl.SSLContext:
    """Return a context that trusts the authorities of a PEM file; raises `ValueError` with a sentence."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"the file {ca_file} can't be read as certificates in PEM: {error}") from None


class NoSession(Exception):
    """There is no session with the server; `answer` says at which step, and the server's words."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer


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
        return f"SmtpServer({self.name})"

    @property
    def name(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

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


async def begin_session(
    server: SmtpServer, *, step_seconds: float, ehlo_name: str | None, tls_context: ssl.SSLContext | None
) -> SMTP:
    """Connect, greet, start TLS and log in, step by step; raises `NoSession` with the step that failed."""
    smtp = SMTP(
        hostname=server.host, port=server.port, use_tls=server.tls, start_tls=False,
        local_hostname=ehlo_name, tls_context=tls_context, timeout=step_seconds,
    )  # fmt: skip
    stage = Stage.CONNECT
    try:
        async with asyncio.timeout(2 * step_seconds):
            await smtp.connect()
            stage = Stage.EHLO
            await smtp._ehlo_or_helo_if_needed()  # aiosmtplib has no public way to fall back to HELO
            if server.starttls or (
                server.starttls is None and not server.tls and smtp.supports_extension("starttls")
            ):
                stage = Stage.STARTTLS
                await smtp.starttls()
                stage = Stage.EHLO
                await smtp._ehlo_or_helo_if_needed()
            if server.user is not None:
                stage = Stage.AUTH
                await smtp.login(server.user, server.password or "")
    except (SMTPException, OSError, TimeoutError) as error:
        smtp.close()
        raise NoSession(Answer.of_error(stage, error)) from error
    except BaseException:
        smtp.close()
        raise
    return smtp
