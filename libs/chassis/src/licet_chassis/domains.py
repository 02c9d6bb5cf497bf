"""Domain names of addresses: internationalised ones have a form for people and one for the wire."""

import re

import idna

_ASCII = re.compile(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*", re.ASCII)


def wire_domain(domain: str) -> str | None:
    """Return the domain in ASCII, `None` if it is no domain name.

    Internationalised ones by IDNA 2008 (RFC 5891) after the mapping of UTS 46: `straße.example` is another
    domain than `strasse.example`.
    """
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError:
            return None
    return domain if len(domain) <= 253 and _ASCII.fullmatch(domain) else None
