"""Matching the flags of rows with recorded flags: the same, a correction, or a new one.

A file identifies a flag by its kind and the key of its row's term. So another day under the same key is a
correction of the same flag, and a repeated suspension comes with the row of another term. Rows of several
terms with the same kind and day mean one flag; it belongs to the first of these terms by key.
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
from licet_credentials.imports.deciding.matching import MatchingState
from licet_credentials.imports.model import RowOutcome
from licet_credentials.imports.rows import FlagInput, OnTermChange, SourceRow
from licet_events.civil import starts_at
from licet_events.credentials import FlagKind
from licet_events.ids import uuid7

_Key = tuple[FlagKind, str]
_Starts = dict[UUID, tuple[FlagKind, datetime]]
"""Kind and start of each flag after the import, by id."""


def match_flags(
    rows: Sequence[SourceRow], recorded: Sequence[Flag], time_zone: str, matching: MatchingState
) -> list[SourceRow]:
    """Match the flag of each row; returns the rows that were not rejected."""
    known: dict[_Key, list[Flag]] = {}
    for each in recorded:
        if each.source_key is not None:
            known.setdefault((each.kind, each.source_key), []).append(each)
    starts = {each.id: (each.kind, each.effective_from) for each in recorded}
    seen: dict[_Key, list[FlagInput | None]] = {}
    rejected = set()
    flagged = [(row, flag) for row in rows if (flag := _flag_of(row, time_zone)) is not None]
    for row, flag in sorted(flagged, key=lambda each: _order(each[0], each[1], known)):
        key = (flag.kind, row.term.key)
        same_key, others = known.get(key, ()), seen.setdefault(key, [])
        if row.flag in others or any(_matches(each, flag) for each in same_key):
            pass
        elif standing := [each for each in same_key if not each.undone]:
            if not _accept_difference(row, flag, standing[-1], others, starts, matching):
                rejected.add(row.line)
                continue
        elif (flag.kind, flag.effective_from) in starts.values():
            pass  # set by hand or by the row of another term: it is the same flag
        elif others and matching.rules.on_flag_change is not OnTermChange.RENEW:
            _reject_contradiction(row, others[0], matching)
            rejected.add(row.line)
            continue
        else:
            _add(row, flag, starts, matching)
        others.append(row.flag)
    return [row for row in rows if row.line not in rejected]


def _order(row: SourceRow, flag: Flag, known: Mapping[_Key, Sequence[Flag]]) -> tuple[int, str, str, int]:
    """Return the sort key of a row, independent of the order of the file: rows that match the record first.

    Otherwise a row could correct a flag that a later row still matches.
    """
    recorded = known.get((flag.kind, row.term.key))
    rank = 2 if recorded is None else 0 if any(_matches(each, flag) for each in recorded) else 1
    return rank, repr(row.flag), row.term.key, row.line


def _accept_difference(
    row: SourceRow,
    flag: Flag,
    known: Flag,
    others: Sequence[FlagInput | None],
    starts: _Starts,
    matching: MatchingState,
) -> bool:
    """Handle a row that differs from a recorded flag by `on_change`; returns whether it is accepted."""
    on_change = matching.rules.on_flag_change
    if on_change is OnTermChange.RENEW:
        if (flag.kind, flag.effective_from) not in starts.values():
            _add(row, flag, starts, matching)
    elif others:
        _reject_contradiction(row, others[0], matching)
        return False
    elif on_change is OnTermChange.CORRECT:
        matching.flag_corrections.append((row, known, _corrected_fields(flag)))
        starts[known.id] = flag.kind, flag.effective_from
    elif on_change is OnTermChange.REJECT:
        recorded = f"{known.effective_from.isoformat()}, reason {known.reason}"
        _reject(row, f"{known.kind} is recorded from {recorded}; flag.on_change is reject", matching)
        return False
    return True


def _add(row: SourceRow, flag: Flag, starts: _Starts, matching: MatchingState) -> None:
    matching.flags_added.append((row, flag))
    starts[flag.id] = flag.kind, flag.effective_from


def _corrected_fields(flag: Flag) -> Mapping[str, Any]:
    fields: dict[str, Any] = {"effective_from": flag.effective_from, "reason": flag.reason}
    return fields if flag.until is None else fields | {"until": flag.until}


def _matches(recorded: Flag, flag: Flag) -> bool:
    """Return whether a row agrees with a recorded flag; a row without an end agrees with any end."""
    return recorded.effective_from == flag.effective_from and (
        recorded.undone or (recorded.reason == flag.reason and flag.until in {None, recorded.until})
    )


def _reject_contradiction(row: SourceRow, other: FlagInput | None, matching: MatchingState) -> None:
    if other is not None:
        until = "" if other.until is None else f" to {other.until}"
        text = f"{other.kind} from {other.since}{until}, reason {other.reason}"
        _reject(row, f"another row says {text} under this key", matching)


def _reject(row: SourceRow, detail: str, matching: MatchingState) -> None:
    since: date | str = "" if row.flag is None else row.flag.since
    matching.reject(row, matching.rules.columns.flag, str(since), detail)


def _flag_of(row: SourceRow, time_zone: str) -> Flag | None:
    given = row.flag
    if given is None:
        return None
    zone = row.credential.time_zone or time_zone
    return Flag(
        id=uuid7(),
        kind=given.kind,
        effective_from=starts_at(given.since, zone),
        until=None if given.until is None else ending(given.until, zone),
        reason=given.reason,
        source_key=row.term.key,
    )


def new_flags(matching: MatchingState) -> tuple[Flag, ...]:
    """Return the new flags of accepted rows, in order of time."""
    flags = [flag for row, flag in matching.flags_added if matching.is_accepted(row)]
    return tuple(sorted(flags, key=lambda flag: (flag.effective_from, flag.kind)))


def apply_new_flags(change: Change, matching: MatchingState, now: datetime) -> Change:
    """Apply the new flags of accepted rows."""
    for row, flag in matching.flags_added:
        if not matching.is_accepted(row):
            continue
        after = replace(change.credential, flags=(*change.credential.flags, flag))
        change = with_flags(change, after, flag.reason, matching.rules.actor, now)
        if matching.results[row.line].outcome is RowOutcome.UNCHANGED:
            matching.record(row, RowOutcome.UPDATED)
    return change
