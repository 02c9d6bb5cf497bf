"""Two real editions of the time zone database: the installed one, and an older one from PyPI."""

import sys
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from licet_chassis import zones
from licet_events import civil
from licet_events.reminders import plan
from support.servers.choice import Unavailable
from support.servers.downloads import kept, run

OLD, OLD_RELEASE = "2025b", "2025.2"
"""In this edition British Columbia still changes its clocks after 2026; newer ones know that it does not."""


def _downloaded() -> Path:
    def install(into: Path) -> None:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
        run((*pip, "--target", str(into), f"tzdata=={OLD_RELEASE}"))

    try:
        return kept(f"tzdata-{OLD_RELEASE}", install) / "tzdata" / "zoneinfo"
    except Unavailable as error:
        pytest.skip(str(error))


@contextmanager
def old_edition() -> Iterator[None]:
    """Derive instants by edition `OLD` within the block, as a process does in which it is installed."""
    place = _downloaded()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zones, "installed_edition", lambda: OLD)
        zoneinfo.reset_tzpath(to=(place,))
        _forget()
        try:
            yield
        finally:
            zones.use_pinned_zones()
            _forget()


def _forget() -> None:
    zoneinfo.ZoneInfo.clear_cache()
    for cached in (civil._zone, civil._end_of_day, civil._at_time, civil.zone_names, plan._starts_at):
        cached.cache_clear()
