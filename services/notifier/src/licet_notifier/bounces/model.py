"""What a delivery status notification says about an address. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})")
_DEAD = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
"""Enhanced status codes (RFC 3463, RFC 7505) by which the address itself takes no mail."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a report says about one recipient."""

    address: str
    """In lower case, as it was delivered to."""
    action: str
    """`failed`, `delayed`, `delivered`, `relayed` or `expanded` (RFC 3464, 2.3.3)."""
    status: str
    """The enhanced status code, such as `5.1.1`."""
    diagnostic: str | None = None
    """The words of the server that refused the mail."""

    @property
    def hard(self) -> bool:
        """Whether the address takes no mail at all, and not only this one or now."""
        return self.action == "failed" and self.status in _DEAD


@dataclass(frozen=True, slots=True)
class Report:
    """A delivery status notification (RFC 3464)."""

    failures: tuple[Failure, ...]
    notification_id: UUID | None = None
    """The notification whose mail it is about, where the report tells."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """A failure as it is kept."""

    id: UUID
    address: str
    hard: bool
    action: str
    status: str
    diagnostic: str | None
    notification_id: UUID | None
    reported_at: datetime


def status_in(text: str) -> str | None:
    """Return the first enhanced status code in a text, without leading zeros; `None` where there is none."""
    found = _STATUS.search(text)
    return None if found is None else ".".join(str(int(part)) for part in found.groups())
