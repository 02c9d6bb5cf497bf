"""Which flag a row sets: one that is recorded, one that was recorded otherwise, or a new one.

In a file a flag is known by its kind and by the key of the term whose row says it. So another day under the
same key is the same flag, told otherwise, and a suspension that recurs comes with the row of another term.
Rows of several terms that say one kind and day mean one flag; it belongs to the first of them by key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from licet_credentials.credentials.change import Change
from licet_credentials.credentials.dates import ending
from licet_credentials.credentials.model import Flag
from licet_credentials.credentials.steps import with_flags
from licet_credentials.imports.model import FlagSaid, OnTermChange, Outcome, SourceRow
from licet_credentials.imports.sorting import Sorting
from licet_events.civil import starts_at
from licet_events.credentials import FlagKind
from licet_events.ids import uuid7

_Key = tuple[FlagKind, str]
_Began = dict[UUID, tuple[FlagKind, datetime]]
"""Of each flag, as it will be: what it is, and since when."""


def match_flags(
    rows: Sequence[SourceRow], recorded: Sequence[Flag], time_zone: str, work: Sorting
) -> list[SourceRow]:
    """Find for each row the flag that it sets; returns the rows that were not rejected."""
    known: dict[_Key, list[Flag]] = {}
    for each in recorded:
        if each.source_key is not None:
            known.setdefault((each.kind, each.source_key), []).append(each)
    began = {each.id: (each.kind, each.effective_from) for each in recorded}
    said: dict[_Key, list[FlagSaid | None]] = {}
    rejected = set()
    flagged = [(row, flag) for row in rows if (flag := _flag(row, time_zone)) is not None]
    for row, flag in sorted(flagged, key=lambda each: _turn(each[0], each[1], known)):
        key = (flag.kind, row.term.key)
        its_own, others = known.get(key, ()), said.setdefault(key, [])
        if row.flag in others or any(_agrees(each, flag) for each in its_own):
            pass
        elif standing := [each for each in its_own if not each.undone]:
            if not _differs(row, flag, standing[-1], others, began, work):
                rejected.add(row.line)
                continue
        elif (flag.kind, flag.effective_from) in began.values():
            pass  # somebody set it, or the row of another term; it is this one
        elif others and work.ruling.on_flag_change is not OnTermChange.RENEW:
            _contradict(row, others[0], work)
            rejected.add(row.line)
            continue
        else:
            _add(row, flag, began, work)
        others.append(row.flag)
    return [row for row in rows if row.line not in rejected]


def _turn(row: SourceRow, flag: Flag, known: Mapping[_Key, Sequence[Flag]]) -> tuple[int, str, str, int]:
    """Return when it is a row's turn, whatever the order of rows: what is recorded goes first.

    So a flag which several rows mean is told otherwise before one of them misses it.
    """
    its_own = known.get((flag.kind, row.term.key))
    rank = 2 if its_own is None else 0 if any(_agrees(each, flag) for each in its_own) else 1
    return rank, repr(row.flag), row.term.key, row.line


def _differs(
    row: SourceRow,
    flag: Flag,
    known: Flag,
    others: Sequence[FlagSaid | None],
    began: _Began,
    work: Sorting,
) -> bool:
    """Do what the mapping wants where a recorded flag is told otherwise; returns whether the row is fine."""
    on_change = work.ruling.on_flag_change
    if on_change is OnTermChange.RENEW:
        if (flag.kind, flag.effective_from) not in began.values():
            _add(row, flag, began, work)
    elif others:
        _contradict(row, others[0], work)
        return False
    elif on_change is OnTermChange.CORRECT:
        work.flag_corrections.append((row, known, _right(flag)))
        began[known.id] = flag.kind, flag.effective_from
    elif on_change is OnTermChange.REJECT:
        recorded = f"{known.effective_from.isoformat()}, reason {known.reason}"
        _reject(row, f"{known.kind} is recorded from {recorded}; flag.on_change is reject", work)
        return False
    return True


def _add(row: SourceRow, flag: Flag, began: _Began, work: Sorting) -> None:
    work.flags_added.append((row, flag))
    began[flag.id] = flag.kind, flag.effective_from


def _right(flag: Flag) -> Mapping[str, Any]:
    right: dict[str, Any] = {"effective_from": flag.effective_from, "reason": flag.reason}
    return right if flag.until is None else right | {"until": flag.until}


def _agrees(recorded: Flag, flag: Flag) -> bool:
    """Return whether a row says what is recorded; an end that it does not say may be any."""
    return recorded.effective_from == flag.effective_from and (
        recorded.undone or (recorded.reason == flag.reason and flag.until in {None, recorded.until})
    )


def _contradict(row: SourceRow, other: FlagSaid | None, work: Sorting) -> None:
    if other is not None:
        until = "" if other.until is None else f" to {other.until}"
        told = f"{other.kind} from {other.since}{until}, reason {other.reason}"
        _reject(row, f"another row says {told} under this key", work)


def _reject(row: SourceRow, detail: str, work: Sorting) -> None:
    since: date | str = "" if row.flag is None else row.flag.since
    work.reject(row, work.ruling.columns.flag, str(since), detail)


def _flag(row: SourceRow, time_zone: str) -> Flag | None:
    said = row.flag
    if said is None:
        return None
    zone = row.credential.time_zone or time_zone
    return Flag(
        id=uuid7(),
        kind=said.kind,
        effective_from=starts_at(said.since, zone),
        until=None if said.until is None else ending(said.until, zone),
        reason=said.reason,
        source_key=row.term.key,
    )


def new_flags(work: Sorting) -> tuple[Flag, ...]:
    """Return the flags that rows set which were not rejected, in order of time."""
    flags = [flag for row, flag in work.flags_added if work.holds(row)]
    return tuple(sorted(flags, key=lambda flag: (flag.effective_from, flag.kind)))


def with_new_flags(change: Change, work: Sorting, now: datetime) -> Change:
    """Return the change with those flags of the rows that are not recorded."""
    for row, flag in work.flags_added:
        if not work.holds(row):
            continue
        after = replace(change.credential, flags=(*change.credential.flags, flag))
        change = with_flags(change, after, flag.reason, work.ruling.actor, now)
        if work.results[row.line].outcome is Outcome.UNCHANGED:
            work.told(row, Outcome.UPDATED)
    return change
