"""When a mail may leave: by day, in the recipient's zone."""

from datetime import datetime, time, timedelta

from licet_events.civil import UnknownZone, zone

OPENS = time(8)
CLOSES = time(18)


def is_zone(name: str) -> bool:
    """Tell whether this machine knows the IANA zone."""
    try:
        zone(name)
    except UnknownZone:
        return False
    return True


def is_open(now: datetime, zone_name: str) -> bool:
    """Tell whether a clock on the recipient's wall shows a time in [08:00, 18:00) at `now`."""
    return OPENS <= now.astimezone(zone(zone_name)).time() < CLOSES


def next_opening(earliest: datetime, zone_name: str) -> datetime:
    """Return the first instant at or after `earliest` at which a mail may leave.

    That is `earliest` itself inside the window, else the next 08:00 of the zone. Where a change of the
    clocks leaves 08:00 out, the mail leaves as much later as the clocks were moved.
    """
    if is_open(earliest, zone_name):
        return earliest
    where = zone(zone_name)
    today = earliest.astimezone(where).date()
    for days in range(3):
        for fold in (0, 1):
            # Both of an hour that comes twice: the first may lie before `earliest` already.
            opening = datetime.combine(today + timedelta(days=days), OPENS, where).replace(fold=fold)
            instant = opening.astimezone(earliest.tzinfo)
            if instant >= earliest and is_open(instant, zone_name):
                return instant
    raise AssertionError(f"{zone_name} has no morning within two days of {earliest.isoformat()}")
