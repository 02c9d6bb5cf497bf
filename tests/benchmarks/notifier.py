"""The notifier from an announced event to the noted outcome, against sending ready-made bytes.

Both go through the same pool of connections to the same SMTP server, which runs in a process of its
own and keeps nothing. `LICET_BENCH_RUNS` (5) is how often the ratio is taken, `LICET_BENCH_MAILS`
(1000) how many mails each time.
"""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from benchmarks.report import Result, ratio_of
from licet_events import Event
from licet_events.credentials import CredentialCreated, Origin
from licet_events.holders import HolderRegistered
from licet_notifier.mail.message import Content, Envelope, Skeleton
from licet_notifier.mail.transport import Attempt, MailTransport, SmtpServer, TransportLimits
from licet_notifier.mail.transport import Result as Sent
from licet_notifier.notifications.deciding import decide
from licet_notifier.notifications.wording import wording
from licet_notifier.templates.shipping import shipped_letter
from support.mailing.cases import (
    DEPLOYMENT,
    MORNING,
    credential_state,
    event,
    expiring,
    facts,
    holder_state,
    notice,
)
from support.mailing.office import Office, open_office
from support.servers.postgres import make_postgres

_RUNS = int(os.environ.get("LICET_BENCH_RUNS", "5"))
_MAILS = int(os.environ.get("LICET_BENCH_MAILS", "1000"))
_CONNECTIONS = 64
_SLOW_MAILS = 640


async def run() -> list[Result]:
    """Measure the targets of the notifier."""
    limits = TransportLimits(connections=_CONNECTIONS)
    with TemporaryDirectory(prefix="licet-bench-") as directory:
        postgres = make_postgres(Path(directory))
        try:
            with _sink(0.0) as smtp_url:
                url = await postgres.migrated("licet_notifier")
                async with open_office(url, smtp_url, limits=limits) as office:
                    results = await _end_to_end(office)
            results.append(_building())
            results.append(await _connections())
        finally:
            postgres.close()
    return results


async def _end_to_end(office: Office) -> list[Result]:
    raw, delivered, whole = [], [], []
    await _send_ready_made(office, await _announce(office, 50))  # connections and plans
    await office.deliver()
    for _ in range(_RUNS):
        steps = await _announce(office, _MAILS // 2)
        began = time.perf_counter()
        await office.read(*steps)
        decided = time.perf_counter()
        await office.deliver()
        ended = time.perf_counter()
        delivered.append(ended - decided)
        whole.append(ended - began)
        raw.append(await _send_ready_made(office, steps))
    rows = await office.rows("state <> 'sent'")
    if rows:
        raise RuntimeError(f"{len(rows)} mails were not sent")
    note = f"{_MAILS} mails, {_CONNECTIONS} connections, {_MAILS / min(raw):.0f}/s raw"
    return [
        Result("mail, decided to noted / raw sends", ">= 0.5 x", ratio_of(raw, delivered), _RUNS, note),
        Result("mail, event to noted / raw sends", ">= 0.5 x", ratio_of(raw, whole), _RUNS, note),
    ]  # fmt: skip


async def _announce(office: Office, count: int) -> list[Event[Any]]:
    """Enter holders with a manager each, and return an event for each licence, not yet read."""
    steps: list[Event[Any]] = []
    for number in range(count):
        holder_id, manager_id = uuid4(), uuid4()
        licence = credential_state(uuid4(), holder_id)
        await office.read(
            HolderRegistered(holder=holder_state(manager_id, email=f"max{number}@example.org")),
            HolderRegistered(holder=holder_state(holder_id, manager_id=manager_id)),
            CredentialCreated(credential=licence, origin=Origin.API),
        )
        steps.append(event(expiring(licence)))
    return steps


async def _send_ready_made(office: Office, steps: list[Event[Any]]) -> float:
    message = _message(office)
    transport = office.post.transport
    began = time.perf_counter()
    outcomes: list[Attempt] = await asyncio.gather(
        *(transport.send("licet@example.org", "ada@example.org", message) for _ in range(2 * len(steps)))
    )
    seconds = time.perf_counter() - began
    if any(outcome.result is not Sent.SENT for outcome in outcomes):
        raise RuntimeError("the server did not take every mail")
    return seconds


def _message(office: Office) -> bytes:
    return office.post.skeleton.message(_envelope(), _content())


def _envelope() -> Envelope:
    asked = notice()
    return Envelope(
        uuid4(), asked.event_id, "ada@example.org", "Ada Beispiel", MORNING, asked.correlation_id, None
    )


def _content() -> Content:
    asked, known = notice(), facts()
    decisions = decide(asked, known, DEPLOYMENT, MORNING)
    values = wording(asked, known, decisions, decisions[0], MORNING)
    return shipped_letter(asked.mail_name, "en").render(values)


def _building() -> Result:
    """Compare the prepared skeleton with the standard library, for the same content."""
    skeleton = Skeleton(sender="licet@example.org", sender_name="Licet", reply_to=None)
    text = "Last valid day: Wednesday, 30 June 2027\n" * 20
    content = Content("Ends in 30 days: Forklift licence", text, f"<p>{text}</p>")
    envelope = _envelope()
    own, standard = [], []
    for _ in range(_RUNS):
        began = time.perf_counter()
        for _ in range(200):
            skeleton.message(envelope, content)
        own.append(time.perf_counter() - began)
        began = time.perf_counter()
        for _ in range(200):
            message = EmailMessage(policy=SMTP)
            message["From"], message["To"], message["Subject"] = (
                "licet@example.org",
                "ada@example.org",
                content.subject,
            )
            message.set_content(content.text, cte="quoted-printable")
            message.add_alternative(content.html, subtype="html", cte="quoted-printable")
            message.as_bytes()
        standard.append(time.perf_counter() - began)
    return Result("mail by skeleton / by EmailMessage", ">= 20 x", ratio_of(standard, own), _RUNS)


async def _connections() -> Result:
    """See what 64 connections reach of 64 times one, where each answer takes 20 ms."""
    with _sink(0.02) as smtp_url:
        one, many = [], []
        for _ in range(_RUNS):
            one.append(await _rate(smtp_url, 1, 20))
            many.append(await _rate(smtp_url, 64, _SLOW_MAILS))
    return Result(
        "64 connections / 64 x one, answers after 20 ms", ">= 0.9 x", ratio_of(many, one) / 64, _RUNS
    )


async def _rate(smtp_url: str, connections: int, mails: int) -> float:
    limits = TransportLimits(connections=connections, mails_per_connection=1000)
    message = Skeleton(sender="licet@example.org", sender_name=None, reply_to=None).message(
        _envelope(), Content("s", "t", "h")
    )
    async with MailTransport.open(SmtpServer.of_url(smtp_url), limits) as transport:

        async def send() -> None:
            await transport.send("licet@example.org", "ada@example.org", message)

        await asyncio.gather(*(send() for _ in range(connections)))
        began = time.perf_counter()
        await asyncio.gather(*(send() for _ in range(mails)))
        return mails / (time.perf_counter() - began)


@contextmanager
def _sink(delay: float) -> Iterator[str]:
    """Run an SMTP server in a process of its own that takes everything, each answer after `delay`."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, delay), daemon=True)
    process.start()
    try:
        yield f"smtp://127.0.0.1:{ours.recv()}?starttls=never"
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection, delay: float) -> None:
    asyncio.run(_serve_for_ever(pipe, delay))


async def _serve_for_ever(pipe: Connection, delay: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Sink(delay), "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


class _Sink(asyncio.Protocol):
    """As little of an SMTP server as a client can't tell from a whole one."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._buffer = b""
        self._in_data = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            end = b"\r\n.\r\n" if self._in_data else b"\r\n"
            line, found, rest = self._buffer.partition(end)
            if not found:
                return
            self._buffer = rest
            self._answer(line)

    def _answer(self, line: bytes) -> None:
        if self._in_data:
            self._in_data = False
            self._write(b"250 taken\r\n")
        elif line == b"DATA":
            self._in_data = True
            self._write(b"354 go on\r\n")
        else:
            self._write(b"221 bye\r\n" if line == b"QUIT" else b"250 fine\r\n")

    def _write(self, answer: bytes) -> None:
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._write_now, answer)
        else:
            self._write_now(answer)

    def _write_now(self, answer: bytes) -> None:
        if self._transport is not None:
            self._transport.write(answer)
