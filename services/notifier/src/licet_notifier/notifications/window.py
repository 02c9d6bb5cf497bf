"""Whether this machine knows a zone."""

from licet_events.civil import UnknownZone, zone


def is_zone(name: str) -> bool:
    """Tell whether this machine knows the IANA zone."""
    try:
        zone(name)
    except UnknownZone:
        return False
    return True
