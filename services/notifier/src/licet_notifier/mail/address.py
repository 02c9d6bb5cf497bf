"""Which texts are addresses that a mail can be sent to."""

import re
from functools import lru_cache

import idna

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)


@lru_cache(maxsize=4096)
def usable_address(text: str | None) -> str | None:
    """Return the address in the form that goes on the wire, or `None` where there is none.

    A dot-atom and a domain name (RFC 5321, 4.1.2), in ASCII; an internationalised domain is encoded by
    IDNA 2008 (RFC 5891). Quoted local parts, address literals and local parts beyond ASCII are refused: few
    servers take them, and none of them is worth the ways in which they can be misread.
    """
    local, at, domain = (text or "").strip(" ").rpartition("@")
    if not at or len(local) > 64 or not _LOCAL.fullmatch(local):
        return None
    try:
        encoded = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return None
    if len(encoded) > 253 or not all(_LABEL.fullmatch(label) for label in encoded.split(".")):
        return None
    return f"{local}@{encoded}"
