"""An SMTP server that catches every mail and delivers none."""

import asyncio
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

_STAMP = "%Y%m%dT%H%M%S.%fZ"
_LARGEST_MAIL = 32 * 2**20


class MailCatcher:
    """The server: one `.eml` file a recipient, as received, with `Delivered-To` and `Return-Path` on top."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port."""
        self._server = await asyncio.get_running_loop().create_server(self._conversation, host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        """Keep the mail before it is acknowledged."""
        content = envelope.original_content or b""
        for recipient in envelope.rcpt_tos:
            top = f"Delivered-To: {recipient}\r\nReturn-Path: <{envelope.mail_from or ''}>\r\n"
            stem = f"{datetime.now(UTC).strftime(_STAMP)}-{secrets.token_hex(4)}"
            fresh = self._directory / f"{stem}.new"
            fresh.write_bytes(top.encode() + content)
            fresh.replace(fresh.with_suffix(".eml"))
        return "250 caught"

    def _conversation(self) -> SMTP:
        options: dict[str, Any] = {"enable_SMTPUTF8": True, "data_size_limit": _LARGEST_MAIL}
        return SMTP(self, hostname="licet", ident="licet", **options)
