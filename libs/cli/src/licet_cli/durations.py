"""Durations as people type them: `90s`, `15m`, `12h`, `30d`."""

import re
from datetime import timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str) -> timedelta:
    """Return the length of time that `text` names; raises `ValueError` for anything but a number and unit."""
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no duration; write a number and s, m, h or d, such as 30d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
