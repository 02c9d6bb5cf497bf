"""Reading a delivery status notification: RFC 3464, its international form (RFC 6533), and VERP addresses."""

import re
from collections.abc import Iterator
from email import policy
from email.errors import MessageError
from email.message import Message
from email.parser import BytesParser, HeaderParser
from uuid import UUID

from licet_chassis.errors import Invalid
from licet_notifier.bounces.model import Failure, Report, status_in

_NOTIFICATION = "X-Licet-Notification"
_VERP = re.compile(r"\+([0-9a-f]{32})@", re.IGNORECASE)
_RECEIVED_AT = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
_STATUSES = ("message/delivery-status", "message/global-delivery-status")
_RETURNED = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers")
_ACTIONS = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})
_LONGEST_DIAGNOSTIC = 500
_MOST_PARTS = 20
_MOST_RECIPIENTS = 100


def read_report(raw: bytes) -> Report:
    """Return what a mail reports; raises `Invalid` for one that is no delivery status notification."""
    try:
        # compat32 leaves headers as they are: those of a bounce are whatever somebody's server wrote.
        mail = BytesParser(policy=policy.compat32).parsebytes(raw)
        parts = _parts(mail)
        statuses = [part for part in parts if part.get_content_type() in _STATUSES]
        failures = [failure for part in statuses for failure in _failures(part)]
    except (MessageError, ValueError, LookupError, RecursionError) as error:
        raise Invalid(f"The mail can't be read: {error}.") from None
    if not statuses:
        raise Invalid(
            "The mail is no delivery status notification: it is no multipart/report (RFC 3464) with a part "
            f"message/delivery-status, but {mail.get_content_type()}."
        )
    if not failures:
        raise Invalid(
            "The delivery status notification names no Final-Recipient with a Status (RFC 3464, 2.3)."
        )
    return Report(tuple(failures[:_MOST_RECIPIENTS]), _notification(mail, parts))


def _parts(mail: Message) -> list[Message]:
    if mail.get_content_type() != "multipart/report":
        return []
    payload = mail.get_payload()
    return (
        [part for part in payload if isinstance(part, Message)][:_MOST_PARTS]
        if isinstance(payload, list)
        else []
    )


def _failures(part: Message) -> Iterator[Failure]:
    for block in _blocks(part):
        address = _after_type(block.get("Final-Recipient") or block.get("Original-Recipient"))
        diagnostic = _after_type(block.get("Diagnostic-Code"))
        status = status_in(str(block.get("Status", ""))) or status_in(diagnostic or "")
        if address is None or "@" not in address or status is None:
            continue
        action = str(block.get("Action", "")).strip().lower()
        yield Failure(
            address.strip("<>").lower(),
            action if action in _ACTIONS else "failed" if status.startswith("5") else "delayed",
            status,
            None if diagnostic is None else " ".join(diagnostic.split())[:_LONGEST_DIAGNOSTIC],
        )


def _blocks(part: Message) -> Iterator[Message]:
    """Yield the groups of fields: those about the mail, then those about each recipient."""
    payload = part.get_payload()
    # Python parses them for message/delivery-status, and takes the first one for a mail in the other form.
    blocks = [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []
    text = b"\n\n".join(block.as_bytes() for block in blocks).decode("utf-8", "replace")
    for block in re.split(r"\r?\n[ \t]*\r?\n", text):
        yield HeaderParser(policy=policy.compat32).parsestr(block)


def _after_type(value: str | None) -> str | None:
    """Return what stands after the type of an address or of a diagnostic code, such as `rfc822;`."""
    if value is None:
        return None
    return str(value).partition(";")[2].strip() or None


def _notification(mail: Message, parts: list[Message]) -> UUID | None:
    for header in _RECEIVED_AT:
        for value in mail.get_all(header, ()):
            if found := _VERP.search(str(value)):
                return UUID(found[1])
    for part in parts:
        if part.get_content_type() not in _RETURNED:
            continue
        payload = part.get_payload()
        if isinstance(payload, list):
            returned = payload[0] if payload and isinstance(payload[0], Message) else None
        else:
            returned = HeaderParser(policy=policy.compat32).parsestr(str(payload))
        try:
            if returned is not None and (named := returned.get(_NOTIFICATION)):
                return UUID(str(named).strip())
        except ValueError:
            continue
    return None
