"""Signed links of mails: what one may do, for how long, proven by a key of the deployment. Pure."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

LIFE = timedelta(days=60)
"""For how long a link is good, in machine time."""
_PURPOSE = b"licet.links.1\0"
_SIGNED = 16 + 5
"""Octets of a notification's id and of the time at which the link expires."""


class Forged(Exception):
    """No link of ours, or one that was changed."""


class Expired(Exception):
    """A link of ours that is no longer good."""


@dataclass(frozen=True, slots=True)
class Links:
    """Makes links and reads them back."""

    url: str
    """Where the notifier is reached by those who read mails, without a slash at its end."""
    key: bytes = field(repr=False)

    def acknowledge_url(self, notification_id: UUID, now: datetime) -> str:
        """Return the link to say that a renewal is booked."""
        return f"{self.url}/links/acknowledge/{self.token(notification_id, now + LIFE)}"

    def snooze_url(self, notification_id: UUID, now: datetime) -> str:
        """Return the link to be reminded later."""
        return f"{self.url}/links/snooze/{self.token(notification_id, now + LIFE)}"

    def token(self, notification_id: UUID, expires_at: datetime) -> str:
        """Return what proves that somebody got the mail of a notification."""
        signed = notification_id.bytes + int(expires_at.timestamp()).to_bytes(5, "big")
        return _as_text(signed + self._signature(signed))

    def read(self, token: str, now: datetime) -> UUID:
        """Return the notification of a token; raises `Forged`, and `Expired` for one that is genuine."""
        try:
            octets = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except ValueError:
            raise Forged from None
        signed, signature = octets[:_SIGNED], octets[_SIGNED:]
        genuine = hmac.compare_digest(signature, self._signature(signed))
        # The same octets may be written in several ways; one of them is ours.
        if not genuine or len(signed) != _SIGNED or _as_text(octets) != token:
            raise Forged
        if now >= datetime.fromtimestamp(int.from_bytes(signed[16:], "big"), UTC):
            raise Expired
        return UUID(bytes=signed[:16])

    def _signature(self, signed: bytes) -> bytes:
        return hmac.digest(self.key, _PURPOSE + signed, sha256)


def _as_text(octets: bytes) -> str:
    """Return octets as a part of an address, without the equals signs that some readers of mails cut off."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
