"""A mail server that answers each command as a test says, and allows as many connections as it says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_DEFAULT = {
    "CONNECT": "220 test",
    "EHLO": "250 test",
    "RSET": "250 ok",
    "QUIT": "221 bye",
    "DATA": "354 go on",
}


@dataclass
class ScriptedServer:
    """Answers by the first word of each command; what is left out is taken."""

    answers: dict[str, str] = field(default_factory=dict)
    """By `CONNECT`, `EHLO`, `MAIL`, `RCPT`, `DATA`, `FINAL`; changed at any time."""
    recipients: dict[str, str] = field(default_factory=dict)
    """The answer to RCPT for one address."""
    once: dict[str, str] = field(default_factory=dict)
    """The answer to the next such command; the conversation ends with it."""
    most: int = 1_000
    """How many connections are let in; the next one is told that there are too many."""
    seconds: float = 0.0
    """How long each mail takes."""
    greeted: list[str] = field(default_factory=list)
    """The names that clients gave."""
    accepted: list[str] = field(default_factory=list)
    """The recipients of the mails that were taken."""
    refused_connections: int = 0
    open: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"smtp://127.0.0.1:{self.port}?starttls=never"

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one client."""
        self.open += 1
        try:
            if self.open > self.most:
                self.refused_connections += 1
                await _say(writer, "421 Too many concurrent SMTP connections from this IP address")
                return
            greeting = self.answers.get("CONNECT", _DEFAULT["CONNECT"])
            await _say(writer, greeting)
            if greeting.startswith("220"):
                await self._answer_commands(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _answer_commands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient = ""
        while line := (await reader.readline()).decode().strip():
            word = line.split()[0].upper()
            if word == "EHLO":
                self.greeted.append(line.split()[1])
            if word in self.once:
                await _say(writer, self.once.pop(word))
                return
            answer = self.answers.get(word, _DEFAULT.get(word, "250 ok"))
            if word == "RCPT":
                recipient = line.partition("<")[2].partition(">")[0]
                answer = self.recipients.get(recipient, answer)
            await _say(writer, answer)
            if word == "QUIT":
                return
            if answer.startswith("354"):
                await reader.readuntil(b"\r\n.\r\n")
                await asyncio.sleep(self.seconds)
                final = self.answers.get("FINAL", "250 queued")
                if final.startswith("250"):
                    self.accepted.append(recipient)
                await _say(writer, final)


async def _say(writer: asyncio.StreamWriter, answer: str) -> None:
    writer.write(f"{answer}\r\n".encode())
    await writer.drain()


@asynccontextmanager
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    """Run a server on a free port."""
    scripted = ScriptedServer()
    server = await asyncio.start_server(scripted.converse, "127.0.0.1", 0)
    scripted.port = server.sockets[0].getsockname()[1]
    try:
        yield scripted
    finally:
        server.close()
