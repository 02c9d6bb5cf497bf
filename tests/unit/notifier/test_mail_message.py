import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from licet_notifier.mail.address import usable_address
from licet_notifier.mail.message import Content, Envelope, Skeleton, UnsafeHeader

SKELETON = Skeleton(sender="licet@example.org", sender_name="Licet", reply_to="office@example.org")
ENVELOPE = Envelope(
    notification_id=UUID(int=1),
    event_id=UUID(int=2),
    address="ada@example.org",
    name="Ada Beispiel",
    date=datetime(2027, 5, 31, 9, 0, tzinfo=UTC),
    correlation_id="0190-conversation",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)
HEADERS = [
    "From", "Reply-To", "Auto-Submitted", "MIME-Version", "To", "Subject", "Date", "Message-ID",
    "X-Licet-Notification", "X-Licet-Event", "X-Licet-Correlation-Id", "traceparent", "Content-Type",
]  # fmt: skip
CONTROL = [*map(chr, range(0x20)), "\x7f", "\x85", "\u2028", "\u2029"]
printable = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=300)


def changed(**changes: Any) -> Envelope:
    fields = {name: getattr(ENVELOPE, name) for name in ENVELOPE.__slots__}
    return Envelope(**(fields | changes))


def parsed(envelope: Envelope = ENVELOPE, content: Content | None = None) -> EmailMessage:
    content = content or Content("Subject", "text", "<p>html</p>")
    return read(SKELETON.message(envelope, content))


def read(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=default)


def test_a_mail_has_the_headers_required_of_automated_mail():
    mail = parsed()
    assert mail.keys() == HEADERS
    assert mail["From"] == "Licet <licet@example.org>"
    assert mail["To"] == "Ada Beispiel <ada@example.org>"
    assert mail["Reply-To"] == "office@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == ENVELOPE.date
    assert mail["X-Licet-Correlation-Id"] == "0190-conversation"
    assert mail["traceparent"] == ENVELOPE.traceparent
    assert not mail.defects


def test_the_message_id_follows_from_the_notification_alone():
    other = changed(date=datetime(2028, 1, 1, tzinfo=UTC), address="max@example.org")
    assert parsed()["Message-ID"] == parsed(other)["Message-ID"]
    assert parsed(changed(notification_id=UUID(int=7)))["Message-ID"] != parsed()["Message-ID"]
    assert parsed()["Message-ID"] == f"<{ENVELOPE.notification_id}@example.org>"


@given(printable, printable, printable, printable)
@example("=?utf-8?q?x?=", "=?utf-8?q?Bcc:?=", ".\r\n.", "From me\n.\nBcc: x@y.org\n\n--=_0")
@example("ü" * 200, "ü" * 200, "a" * 5000, "\n\n \n\t\n")
@example(" leading", '"quo\\ted"', "trailing \n", "\x00\x0c")
@example("a  b", "a, b; c <d@e.f>", "", "")
def test_a_mail_survives_a_round_trip_through_the_parser(subject, name, text, html):
    raw = SKELETON.message(changed(name=name), Content(subject, text, html))
    mail = read(raw)

    assert mail.keys() == HEADERS
    # The parser joins runs of spaces in names, and so would any reader.
    assert mail["To"].addresses[0].addr_spec == "ada@example.org"
    assert len(mail["To"].addresses) == 1
    shown, entered = squeezed(mail["To"].addresses[0].display_name), squeezed(name)
    assert shown == entered or (shown.endswith("…") and entered.startswith(shown[:-1]))
    assert mail["Subject"] == subject
    plain, rich = mail.iter_parts()
    assert (plain.get_content_type(), rich.get_content_type()) == ("text/plain", "text/html")
    assert lines(plain.get_content()) == lines(text)
    assert lines(rich.get_content()) == lines(html)


@given(printable, printable, st.text(max_size=2000), st.text(max_size=2000))
@example("é" * 300, "x" * 300, "\ud800", "a" * 2000)
def test_every_line_is_ascii_ends_in_crlf_and_is_short_enough(subject, name, text, html):
    raw = SKELETON.message(changed(name=name), Content(subject, text, html))
    assert raw.isascii()
    assert raw.endswith(b"\r\n")
    assert not re.search(rb"[^\r]\n|\r[^\n]", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 78


@pytest.mark.parametrize("character", CONTROL, ids=lambda character: f"U+{ord(character):04X}")
@pytest.mark.parametrize("field", ["subject", "name"])
def test_a_control_character_in_a_header_is_refused(character, field):
    injected = f"x{character}Bcc: evil@example.org"
    envelope = changed(name=injected) if field == "name" else ENVELOPE
    content = Content(injected if field == "subject" else "s", "t", "h")
    with pytest.raises(UnsafeHeader):
        SKELETON.message(envelope, content)


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
@example("a\r\nBcc: x@y.org", "b\nTo: x@y.org", "c\r\n\r\nbody")
def test_no_name_or_id_can_inject_a_header(subject, name, trace):
    envelope = changed(name=name, correlation_id=trace, traceparent=trace)
    try:
        raw = SKELETON.message(envelope, Content(subject, "t", "h"))
    except UnsafeHeader:
        return
    mail = read(raw)
    optional = {"X-Licet-Correlation-Id", "traceparent"}
    assert [key for key in mail if key not in optional] == [key for key in HEADERS if key not in optional]
    assert len(mail.keys()) == len(set(mail.keys()))
    assert len(mail["To"].addresses) == 1


@given(st.text(max_size=80) | st.emails())
@example("a@b.org\r\nBcc: x@y.org")
@example("a@b.org>\r\nRCPT TO:<x@y.org")
@example("<a@b.org>")
def test_a_usable_address_is_one_address_and_nothing_else(text):
    address = usable_address(text)
    if address is not None:
        assert re.fullmatch(r"[!-~]+@[A-Za-z0-9.-]+", address)
        assert not set(address) & set('<>()[]\\,;:" ')
        assert parsed(changed(address=address))["To"].addresses[0].addr_spec == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ada@example.org", "ada@example.org"),
        (" ada.b+c@example.org ", "ada.b+c@example.org"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ädä@example.org", None),
        ("ada@", None),
        ("@example.org", None),
        ("ada@-x.org", None),
        ("a..b@example.org", None),
        ("ada@example.org,max@example.org", None),
        ("a" * 65 + "@example.org", None),
        (None, None),
        ("", None),
    ],
)
def test_addresses_are_taken_in_the_form_that_goes_on_the_wire(text, address):
    assert usable_address(text) == address


def squeezed(text: str) -> str:
    return " ".join(text.split())


def lines(text: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", text.rstrip("\r\n"))
