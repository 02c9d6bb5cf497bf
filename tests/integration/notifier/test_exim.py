"""Exim as Debian has it, which allows few connections from one host and says so with 421."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from licet_notifier.mail.transport import MailTransport, Result, SmtpServer, TransportLimits
from support.servers.choice import needed
from support.servers.exim import Exim

MESSAGE = b"Subject: hello\r\n\r\nhello\r\n"


@pytest.fixture(scope="module")
def exim() -> Iterator[Exim]:
    with needed("Exim"):
        server = Exim(per_host=4)
    yield server
    server.close()


async def send_many(url: str, connections: int, mails: int) -> tuple[Counter[Result], float]:
    limits = TransportLimits(connections=connections, mails_per_connection=100)
    began = time.monotonic()
    async with MailTransport.open(SmtpServer.of_url(url), limits) as transport:
        attempts = await asyncio.gather(
            *(transport.send("licet@licet.test", f"a{n}@home.test", MESSAGE) for n in range(mails))
        )
        assert transport.trouble.refusals == 0
    return Counter(attempt.result for attempt in attempts), time.monotonic() - began


async def test_a_server_with_four_connections_for_us_is_used_with_four(exim):
    _, best = await send_many(exim.url, 4, 150)
    results, seconds = await send_many(exim.url, 16, 150)
    print(f"\n150 mails: {best:.2f} s with 4 connections, {seconds:.2f} s with 16 wanted and 4 allowed")
    assert results == {Result.SENT: 150}
    assert seconds < 1.5 * best + 1


async def test_what_exim_refuses_is_told_apart(exim):
    limits = TransportLimits(connections=1)
    async with MailTransport.open(SmtpServer.of_url(exim.url), limits) as transport:
        unknown = await transport.send("licet@licet.test", "nobody@home.test", MESSAGE)
        assert (unknown.result, unknown.smtp_status) == (Result.REFUSED, 550)
        assert transport.trouble.answer is None
        banned = await transport.send("banned@licet.test", "ada@home.test", MESSAGE)
        assert banned.result is Result.NO_SERVER
        said = transport.trouble.describe()
        assert said is not None
        assert "RCPT: 550 Sender verify failed" in said
