"""What a mail server's answer is about: one mail, or the server's own trouble with all of them."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from aiosmtplib.errors import SMTPResponseException

_LONGEST_TEXT = 500


class Stage(StrEnum):
    """Which step of a conversation was answered."""

    CONNECT = "connect"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    FINAL = "final"
    """The end of the mail's text, whose answer settles it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said at one step, or how the connection failed there."""

    stage: Stage
    code: int | None
    """`None` where the server gave no answer."""
    text: str
    """The server's words on one line, or those of the error."""

    @classmethod
    def of(cls, stage: Stage, code: int, text: str) -> Self:
        """Return a reply of the server; a code that is none counts as no answer."""
        return cls(stage, code if code > 0 else None, _one_line(text))

    @classmethod
    def of_error(cls, stage: Stage, error: BaseException) -> Self:
        """Return what an error of the connection or of aiosmtplib says."""
        if isinstance(error, SMTPResponseException):
            return cls.of(stage, error.code, error.message)
        return cls(stage, None, _one_line(str(error) or type(error).__name__))

    def __str__(self) -> str:
        """Say where it happened, and what the server said."""
        code = "" if self.code is None else f"{self.code} "
        return f"{self.stage.upper()}: {code}{self.text}"


class Blame(StrEnum):
    """Whose trouble an answer is."""

    MAIL = "mail"
    """This recipient's or this message's: it counts against the mail."""
    SERVER = "server"
    """The server's own, or that of our account, name or address there: every mail would meet it."""


_SESSION = frozenset({Stage.CONNECT, Stage.EHLO, Stage.STARTTLS, Stage.AUTH, Stage.MAIL})
_SESSION_CODES = frozenset({421, 530, 534, 535, 538})
"""The server closes, or wants TLS or a login first (RFC 5321, RFC 3207, RFC 4954)."""
_ENHANCED = re.compile(
    r"\b(?:[45]\.1\.[78]"  # the sender's address
    r"|4\.3\.[0-35]|5\.3\.[25]"  # the mail system; 3.4 is the size of this message
    r"|[45]\.7\.(?:[89]|1[1-4]|2\d|54|57|60|70\d))\b"  # login, encryption, SPF, DKIM, rDNS, licence
)
"""Enhanced status codes (RFC 3463 and the IANA registry, Exchange's own last) that are about the sender."""
_ABOUT_US = re.compile(
    r"sender (?:address )?(?:rejected|denied|refused)|sender (?:verify|verification)"
    r"|(?:bad|invalid|unknown) sender"
    r"|\bhelo\b|\behlo\b|client host|your (?:host|ip)|reverse dns|\brdns\b|black ?list|block ?list"
    r"|authenticat(?:ion|e) (?:is )?required|not authenticated|not logged in|starttls",
    re.IGNORECASE,
)
_NO_RELAY = re.compile(
    r"relay(?:ing)?(?: access)? (?:is )?(?:denied|not permitted|not allowed|prohibited)"
    r"|(?:unable|permitted) to relay|do not relay",
    re.IGNORECASE,
)
_CROWDED = re.compile(r"too many|concurrent|connection (?:rate|limit|count)", re.IGNORECASE)
_TOO_LARGE = re.compile(r"\b5\.3\.4\b")


def blame(answer: Answer, *, sender: str, recipient: str, ehlo_name: str | None, relays: bool) -> Blame:
    """Say whose trouble an answer that is not yes is.

    Everything before RCPT is the server's. From there on an answer is about the mail unless it names us: by
    the sender's address, our EHLO name, an enhanced status code or the words that Postfix, Exim, OpenSMTPD
    and Exchange use. That it does not relay is about us until the server has taken a mail (`relays`).
    """
    text = answer.text.lower()
    if answer.stage in _SESSION:
        too_large = answer.stage is Stage.MAIL and (answer.code == 552 or _TOO_LARGE.search(text))
        return Blame.MAIL if too_large else Blame.SERVER
    if answer.code is None:
        return Blame.MAIL
    if answer.code in _SESSION_CODES or _ENHANCED.search(text) or _ABOUT_US.search(text):
        return Blame.SERVER
    names_sender = sender.lower() in text and recipient.lower() not in text
    if names_sender or (ehlo_name is not None and f"<{ehlo_name.lower()}>" in text):
        return Blame.SERVER
    return Blame.SERVER if _NO_RELAY.search(text) and not relays else Blame.MAIL


def is_crowded(answer: Answer) -> bool:
    """Tell whether a connection may have been refused because there are too many of ours."""
    if answer.stage is Stage.CONNECT and answer.code is None:
        return True  # Some servers, and firewalls before them, refuse without a word.
    return answer.code == 421 or (answer.code is not None and _CROWDED.search(answer.text) is not None)


def _one_line(text: str) -> str:
    # What is not UTF-8 comes as lone surrogates, which no database takes.
    plain = " ".join(text.replace("\0", " ").split()).encode("utf-8", "backslashreplace").decode()
    return plain if len(plain) <= _LONGEST_TEXT else plain[: _LONGEST_TEXT - 1] + "…"
