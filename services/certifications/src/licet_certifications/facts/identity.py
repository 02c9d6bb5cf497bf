"""Comparison forms of what people are identified by: equal forms mean the same person."""

import unicodedata

from licet_events.sameness import normal


def external_key(external_id: str) -> str:
    """Return the comparison form of an external id: its normal form."""
    return normal(external_id)


def email_key(email: str) -> str:
    """Return the comparison form of an e-mail address: without regard to case, width and Unicode form.

    The local part may be case-sensitive by RFC 5321; no provider tells people apart by that. Nothing else
    is taken to be the same: dots and `+tags` are kept.
    """
    return unicodedata.normalize("NFKC", email).strip().casefold().removeprefix("mailto:").strip()


def account_key(home_page: str, name: str) -> str:
    """Return the comparison form of an account: the system's address without a last slash, and the name.

    Scheme and host are compared without regard to case (RFC 3986), the rest as it is.
    """
    scheme, separator, rest = unicodedata.normalize("NFC", home_page).strip().partition("://")
    if separator:
        host, slash, path = rest.partition("/")
        home_page = f"{scheme.lower()}://{host.lower()}{slash}{path}"
    return f"{home_page.rstrip('/')} {unicodedata.normalize('NFC', name).strip()}"
