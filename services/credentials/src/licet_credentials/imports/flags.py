"""Which flags rows set."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from licet_credentials.credentials.change import Change
from licet_credentials.credentials.dates import ending
from licet_credentials.credentials.model import Flag
from licet_credentials.credentials.steps import with_flags
from licet_credentials.imports.model import Outcome, SourceRow
from licet_credentials.imports.sorting import Sorting
from licet_events.civil import starts_at
from licet_events.credentials import FlagKind
from licet_events.ids import uuid7


def with_flags_of(
    change: Change, rows: Sequence[SourceRow], time_zone: str, work: Sorting, now: datetime
) -> Change:
    """Return the change with those flags of the rows that are not recorded."""
    had = {(flag.kind, flag.effective_from) for flag in change.credential.flags}
    for flag in flags_of(rows, time_zone):
        if (flag.kind, flag.effective_from) in had:
            continue
        after = replace(change.credential, flags=(*change.credential.flags, flag))
        change = with_flags(change, after, flag.reason, work.ruling.actor, now)
        for row in rows:
            if _flag_of(row, time_zone, flag) and work.results[row.line].outcome is Outcome.UNCHANGED:
                work.told(row, Outcome.UPDATED)
    return change


def _flag_of(row: SourceRow, time_zone: str, flag: Flag) -> bool:
    said = row.flag
    zone = row.credential.time_zone or time_zone
    return said is not None and (said.kind, starts_at(said.since, zone)) == (flag.kind, flag.effective_from)


def flags_of(rows: Sequence[SourceRow], time_zone: str) -> tuple[Flag, ...]:
    """Return the flags that rows set, each once; of suspensions that overlap the first."""
    flags: dict[tuple[FlagKind, datetime], Flag] = {}
    for row in sorted(rows, key=lambda row: (repr(row.flag), row.line)):
        said = row.flag
        if said is None:
            continue
        zone = row.credential.time_zone or time_zone
        since = starts_at(said.since, zone)
        until = None if said.until is None else ending(said.until, zone)
        flags.setdefault((said.kind, since), Flag(uuid7(), said.kind, since, until, said.reason))
    return tuple(sorted(flags.values(), key=lambda flag: (flag.effective_from, flag.kind)))
