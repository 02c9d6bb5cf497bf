"""A mail as bytes: RFC 5322 headers and two MIME parts, filled into a prepared skeleton.

`email.message.EmailMessage` takes about a hundred times as long for the same bytes. What it would do
for us is done here by hand, and the tests read the result with its parser.
"""

import base64
import binascii
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from uuid import UUID

_CRLF = "\r\n"
_LINE = 76
_ENCODED_WORD_BYTES = 39
"""How many bytes go into an encoded word, so that `Subject: ` and one fit into 76 (RFC 2047, 2)."""
_PLAIN = re.compile(r"[ -~]*", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,127}", re.ASCII)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_UNPRINTABLE = frozenset({"Cc", "Zl", "Zp", "Cs"})


class UnsafeHeader(ValueError):
    """A header's value holds a control character; such a mail is not made."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a mail says."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """Whom a mail goes to, and which notification it is."""

    notification_id: UUID
    event_id: UUID
    address: str
    """A usable address, in ASCII."""
    name: str | None
    date: datetime
    """Business now; the offset is shown as it is."""
    correlation_id: str
    traceparent: str | None
    cc: tuple[tuple[str, str | None], ...] = ()
    """Usable addresses with names of those who get a copy."""
    message_id: str | None = None
    """Its Message-ID, where it is not that of the notification: a digest stands for several."""


class Skeleton:
    """Everything that is the same in each mail of a deployment, prepared once."""

    def __init__(
        self,
        *,
        sender: str,
        sender_name: str | None,
        reply_to: str | None,
        return_path: str | None = None,
    ) -> None:
        """Take usable addresses; raises `UnsafeHeader`."""
        self.sender = sender
        self._return_path = None if return_path is None else return_path.rpartition("@")
        self._domain = sender.rpartition("@")[2]
        fixed = [f"From: {mailbox(sender, sender_name)}"]
        if reply_to:
            fixed.append(f"Reply-To: {mailbox(reply_to, None)}")
        fixed += ["Auto-Submitted: auto-generated", "MIME-Version: 1.0"]
        self._fixed = _CRLF.join(fixed)

    def envelope_sender(self, notification_id: UUID) -> str:
        """Return where a delivery status notification goes: VERP, where there is an address for it."""
        if self._return_path is None:
            return self.sender
        local, _, domain = self._return_path
        return f"{local}+{notification_id.hex}@{domain}"

    def message_id(self, notification_id: UUID) -> str:
        """Return the Message-ID of a notification: the same for each attempt to send it."""
        return f"<{notification_id}@{self._domain}>"

    def message(self, envelope: Envelope, content: Content) -> bytes:
        """Return the mail, with CRLF line ends and ending in one; raises `UnsafeHeader`."""
        # The id makes the boundary one that neither part can hold: no text is rendered with it.
        boundary = f"=_{envelope.notification_id.hex}"
        optional = ""
        if _TOKEN.fullmatch(envelope.correlation_id):
            optional += f"X-Licet-Correlation-Id: {envelope.correlation_id}{_CRLF}"
        if envelope.traceparent and _TRACEPARENT.fullmatch(envelope.traceparent):
            optional += f"traceparent: {envelope.traceparent}{_CRLF}"
        return (
            f"{self._fixed}{_CRLF}"
            f"To: {mailbox(envelope.address, envelope.name)}{_CRLF}"
            f"{_copies(envelope)}"
            f"Subject: {unstructured(content.subject)}{_CRLF}"
            f"Date: {format_datetime(envelope.date)}{_CRLF}"
            f"Message-ID: {envelope.message_id or self.message_id(envelope.notification_id)}{_CRLF}"
            f"X-Licet-Notification: {envelope.notification_id}{_CRLF}"
            f"X-Licet-Event: {envelope.event_id}{_CRLF}"
            f"{optional}"
            f'Content-Type: multipart/alternative;{_CRLF} boundary="{boundary}"{_CRLF}{_CRLF}'
            f"--{boundary}{_CRLF}{_part('plain', content.text)}"
            f"--{boundary}{_CRLF}{_part('html', content.html)}"
            f"--{boundary}--{_CRLF}"
        ).encode("ascii")


def refuse_control_characters(value: str) -> str:
    """Return `value`; raises `UnsafeHeader` if a reader could take a part of it for another header.

    It looks at the decoded value: on some Pythons an encoded line feed became a header of its own
    (CVE-2024-6923).
    """
    # Nothing else than printable ASCII is the common case, and quick to see.
    if not _PLAIN.fullmatch(value):
        for character in value:
            if unicodedata.category(character) in _UNPRINTABLE:
                raise UnsafeHeader(f"a header's value holds the control character U+{ord(character):04X}")
    return value


def _copies(envelope: Envelope) -> str:
    if not envelope.cc:
        return ""
    return f"Cc: {f',{_CRLF} '.join(mailbox(address, name) for address, name in envelope.cc)}{_CRLF}"


def unstructured(value: str) -> str:
    """Return `value` as the body of a header that is free text; raises `UnsafeHeader`."""
    refuse_control_characters(value)
    fits = 0 < len(value) <= _LINE - len("Subject: ") and value == value.strip(" ")
    # What looks like an encoded word would be decoded by readers.
    plain = fits and "=?" not in value and _PLAIN.fullmatch(value)
    return value if plain else encoded_words(value)


def mailbox(address: str, name: str | None) -> str:
    """Return a usable address with its display name, on lines of their own; raises `UnsafeHeader`."""
    refuse_control_characters(address)
    name = refuse_control_characters(name or "").strip()
    if not name:
        return address
    # A reader might decode an encoded word even inside quotes.
    if _PLAIN.fullmatch(name) and "=?" not in name and len(name) <= 60:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"{_CRLF} <{address}>'
    # One word: between several, some readers (Python's among them) show spaces that are not there.
    return f"{encoded_words(_shortened(name))}{_CRLF} <{address}>"


def _shortened(name: str) -> str:
    """Return what fits into one encoded word: a display name is a courtesy."""
    octets = name.encode()
    if len(octets) <= _ENCODED_WORD_BYTES:
        return name
    kept = octets[: _ENCODED_WORD_BYTES - len("…".encode())].decode("utf-8", "ignore")
    return kept.rstrip() + "…"


def encoded_words(value: str) -> str:
    """Return `value` as encoded words in base64, each on a line of its own (RFC 2047)."""
    words: list[bytes] = []
    word = b""
    for character in value:
        octets = character.encode()
        # A word must hold whole characters (RFC 2047, 5).
        if len(word) + len(octets) > _ENCODED_WORD_BYTES:
            words.append(word)
            word = b""
        word += octets
    words.append(word)
    return f"{_CRLF} ".join(f"=?utf-8?b?{base64.b64encode(word).decode('ascii')}?=" for word in words)


def _part(subtype: str, text: str) -> str:
    """Return one body part with its headers (RFC 2045), ending in a line end."""
    canonical = _LINE_ENDS.sub(_CRLF, text.rstrip("\r\n")) + _CRLF
    octets = canonical.encode("utf-8", "replace")
    quoted = binascii.b2a_qp(octets, istext=True).decode("ascii")
    if not quoted.endswith(_CRLF):
        quoted += _CRLF
    return (
        f"Content-Type: text/{subtype}; charset=utf-8{_CRLF}"
        f"Content-Transfer-Encoding: quoted-printable{_CRLF}{_CRLF}"
        f"{quoted}"
    )
