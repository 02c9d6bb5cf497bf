"""The time zone database: that of the pinned package `tzdata`, in every process, whatever the machine has.

Instants that follow from civil dates belong to an edition of it. Processes of different editions would tell
different instants of one date, so the edition comes with the release and not with the machine.
"""

import zoneinfo

import tzdata  # type: ignore[import-untyped]  # it ships no types


def use_pinned_zones() -> None:
    """Take time zones from `tzdata` only, for the whole process; whatever `PYTHONTZPATH` says."""
    zoneinfo.reset_tzpath(to=())


def installed_edition() -> str:
    """Return the edition of the pinned database, such as `2026f`; editions sort by age as text."""
    return str(tzdata.IANA_VERSION)
