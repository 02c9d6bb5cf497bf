"""What a credential is good for over time, as far as one criterion is concerned."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from licet_certifications.eligibility.criteria import Criterion
from licet_certifications.eligibility.model import FUTURE, PAST, Credential, Flag, Place, Run
from licet_events import civil
from licet_events.credentials import FlagKind
from licet_events.eligibility import ReasonCode

_BEST_FIRST = (
    ReasonCode.VALID,
    ReasonCode.GRACE,
    ReasonCode.TOO_SHORT,
    ReasonCode.UNVERIFIED,
    ReasonCode.WRONG_JURISDICTION,
    ReasonCode.MISSING,
    ReasonCode.INCOMPLETE,
    ReasonCode.SUSPENDED,
    ReasonCode.EXPIRED,
    ReasonCode.NOT_YET_VALID,
    ReasonCode.SURRENDERED,
    ReasonCode.REVOKED,
)
"""Of several credentials of one type the reason names the one that is nearest to counting."""

_RANK = {code: rank for rank, code in enumerate(_BEST_FIRST)}
_COUNTING = frozenset({ReasonCode.VALID, ReasonCode.GRACE})
_HELD = _COUNTING | {ReasonCode.TOO_SHORT}
_FLAGGED = (
    (FlagKind.REVOKED, ReasonCode.REVOKED),
    (FlagKind.SURRENDERED, ReasonCode.SURRENDERED),
    (FlagKind.SUSPENDED, ReasonCode.SUSPENDED),
)


class Standing(NamedTuple):
    """What one credential is good for in [start, end)."""

    start: datetime
    end: datetime
    code: ReasonCode
    credential_id: UUID
    condition: str | None = None
    """Which condition it does not meet, where the code does not say it."""


class _Period(NamedTuple):
    """A run with the instants at which its use changes, all of them resolved."""

    start: datetime
    end: datetime
    short_from: datetime
    """From here on too few days remain."""
    grace_until: datetime


def standings_of(credential: Credential, criterion: Criterion, place: Place) -> list[Standing]:
    """Return what a credential is good for over all time, in contiguous stretches.

    Where days must remain, grace does not count: none remain. Days that remain are counted to the end
    of the run that is under way, not of a later one.
    """
    fault = criterion.fault_of(credential, place)
    periods = [_period(run, credential.grace_days, criterion.min_days_remaining) for run in credential.runs]
    verified = _verified(credential, criterion)
    edges = {PAST, *verified}
    for period in periods:
        edges.update(period)
    for flag in credential.flags:
        edges.add(flag.start)
        edges.add(flag.end)
    edges.discard(FUTURE)
    found: list[Standing] = []
    last: tuple[ReasonCode, str | None] | None = None
    for instant in sorted(edges):
        now = _at(instant, credential, periods, verified, fault)
        if now != last:
            if found:
                found[-1] = found[-1]._replace(end=instant)
            found.append(Standing(instant, FUTURE, now[0], credential.id, now[1]))
            last = now
    return found


def best_over_time(credentials: Sequence[Sequence[Standing]]) -> list[Standing]:
    """Return the credential nearest to counting, stretch by stretch; of equals the longest, then by id.

    The stretches are contiguous; there are none without a credential.
    """
    if len(credentials) == 1:
        return list(credentials[0])
    found: list[Standing] = []
    places = [0] * len(credentials)
    for instant in sorted({one.start for standings in credentials for one in standings}):
        for index, standings in enumerate(credentials):
            if places[index] + 1 < len(standings) and standings[places[index] + 1].start <= instant:
                places[index] += 1
        best = min(
            (standings[place] for standings, place in zip(credentials, places, strict=True)), key=_preference
        )
        if found:
            before = found[-1]
            if before[2:] == best[2:]:
                continue
            found[-1] = before._replace(end=instant)
        found.append(best._replace(start=instant, end=FUTURE))
    return found


def _at(
    instant: datetime,
    credential: Credential,
    periods: Sequence[_Period],
    verified: tuple[datetime, datetime],
    fault: tuple[ReasonCode, str | None] | None,
) -> tuple[ReasonCode, str | None]:
    """Return what the credential is good for at an instant, and which condition it does not meet."""
    code = _flagged(instant, credential.flags) or _dated(instant, periods)
    if fault is not None and code in _HELD:
        return fault
    if code in _COUNTING and not verified[0] <= instant < verified[1]:
        return ReasonCode.UNVERIFIED, None
    return code, None


def _flagged(instant: datetime, flags: Sequence[Flag]) -> ReasonCode | None:
    if not flags:
        return None
    in_force = {flag.kind for flag in flags if flag.start <= instant < flag.end}
    return next((code for kind, code in _FLAGGED if kind in in_force), None)


def _dated(instant: datetime, periods: Sequence[_Period]) -> ReasonCode:
    if not periods:
        return ReasonCode.INCOMPLETE
    code = ReasonCode.NOT_YET_VALID
    for period in periods:
        if period.start <= instant < period.end:
            return ReasonCode.TOO_SHORT if instant >= period.short_from else ReasonCode.VALID
        if instant >= period.end and code is not ReasonCode.GRACE:
            code = ReasonCode.GRACE if instant < period.grace_until else ReasonCode.EXPIRED
    return code


def _period(run: Run, grace_days: int, min_days_remaining: int) -> _Period:
    if run.expires_at is None:
        return _Period(run.starts_at, FUTURE, FUTURE, FUTURE)
    grace = grace_days if min_days_remaining <= 0 else 0
    return _Period(
        run.starts_at,
        run.expires_at,
        _days_after(run, run.expires_at, -min_days_remaining) if min_days_remaining > 0 else FUTURE,
        _days_after(run, run.expires_at, grace) if grace > 0 else run.expires_at,
    )


def _days_after(run: Run, expires_at: datetime, days: int) -> datetime:
    """Return the end of a document that prints a date so many days later, in the run's zone.

    Beyond the calendar it is the open end on that side.
    """
    try:
        if run.expires_on is None:
            return expires_at + timedelta(days=days)
        return civil.ends_at(run.expires_on + timedelta(days=days), run.time_zone, run.ending)
    except (OverflowError, civil.DateOutOfRange):
        return FUTURE if days > 0 else PAST


def _verified(credential: Credential, criterion: Criterion) -> tuple[datetime, datetime]:
    """Return [from, until) in which the latest check is fresh enough; always, where none is asked for.

    It counts from the check to the end of the day so many days later, in the zone of the credential's
    last run, and no longer than the check itself says. Of earlier checks the credential's state says
    nothing.
    """
    days, check = criterion.verified_within_days, credential.check
    if days is None:
        return PAST, FUTURE
    if check is None or not check.confirmed:
        return FUTURE, FUTURE
    zone = credential.runs[-1].time_zone if credential.runs else "UTC"
    try:
        until = civil.expires_at(civil.local_date(check.checked_at, zone) + timedelta(days=days), zone)
    except (OverflowError, civil.DateOutOfRange):
        until = FUTURE
    if check.valid_until is not None:
        until = min(until, check.valid_until)
    return check.checked_at.astimezone(UTC), until


def _preference(standing: Standing) -> tuple[int, float, UUID]:
    return _RANK[standing.code], -standing.end.timestamp(), standing.credential_id
