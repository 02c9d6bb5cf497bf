"""Telling supervisors of shifts at risk: keep the risks, make mails of those that are due, look again."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from licet_chassis.clock import machine_now
from licet_chassis.database import Transaction
from licet_events.shifts import ShiftState
from licet_notifier.notifications.model import Deployment
from licet_notifier.notifications.retry import RetryPolicy
from licet_notifier.notifications.wording import Tongue, Wording
from licet_notifier.restraint.calendar import Calendar
from licet_notifier.restraint.model import Subject, stop_of
from licet_notifier.restraint.store import lock_restraint, read_calendar
from licet_notifier.shift_digests import model, store
from licet_notifier.shift_digests.model import DigestReason, DigestState, Recipient
from licet_notifier.shift_digests.store import Claimed, DueRisk, NewDigest
from licet_notifier.templates.model import Reader, Reading
from licet_notifier.templates.rendering import Letter
from licet_notifier.templates.store import current_catalogue

EVENT = "shift.at_risk"

RISKS_AT_ONCE = 500
_UNKNOWN_FOR = timedelta(minutes=5)
"""How long a risk waits for its holder to be known, in business time, before it is looked at again."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that has been begun: it is to be handed over and its outcome noted."""

    claimed: Claimed
    message_id: str
    letter: Letter
    values: Wording

    @property
    def attempts(self) -> int:
        """The number of this attempt."""
        return self.claimed.attempts + 1


async def keep_risks(
    tx: Transaction, states: Iterable[ShiftState], *, deployment: Deployment, now: datetime
) -> None:
    """Keep the newest state of each shift, and when supervisors are to be told of one that is at risk."""
    newest: dict[UUID, ShiftState] = {}
    for state in sorted(states, key=lambda one: one.version):
        newest[state.id] = state
    zones = await store.read_zones(tx.conn, {state.holder_id for state in newest.values()})
    calendar = await read_calendar(tx.conn)
    risks = [
        (state, _due_at(state, zones.get(state.holder_id, deployment.time_zone), now, calendar))
        for state in newest.values()
    ]
    await store.upsert_risks(tx.conn, risks)


def _due_at(state: ShiftState, time_zone: str, now: datetime, calendar: Calendar) -> datetime | None:
    return model.due_at(state, time_zone, now, calendar) if state.at_risk and now < state.start else None


async def make_digests(
    tx: Transaction, *, deployment: Deployment, now: datetime, limit: int = RISKS_AT_ONCE
) -> int:
    """Make mails of the risks that are due, one for each supervisor of each team; returns how many risks.

    Where no supervisor can be reached the fallback address of the team, the location or the deployment is
    told; where there is none, that is noted.
    """
    due = await store.claim_due(tx.conn, now, limit)
    waiting = [one for one in due if not one.known and now < one.shift.start - _UNKNOWN_FOR]
    if waiting:
        await store.postpone_risks(tx.conn, [one.shift.id for one in waiting], now + _UNKNOWN_FOR)
    ready = [one for one in due if one not in waiting]
    if ready:
        supervisors = await store.read_supervisors(
            tx.conn, {one.team for one in ready if one.team is not None}, deployment.time_zone
        )
        digests: list[NewDigest] = []
        for (team, location, urgent), risks in _grouped(ready, now).items():
            recipients: Sequence[Recipient] = supervisors.get(team or "", ()) or [
                await store.read_fallback(
                    tx.conn, team, location, deployment.fallback_email, deployment.time_zone
                )
            ]
            digests += [_digest(team, recipient, risks, urgent=urgent) for recipient in recipients]
        await store.insert_digests(tx.conn, digests, now=now, next_try=machine_now())
        await store.mark_told(tx.conn, [one.shift.id for one in ready])
    return len(due)


def _grouped(
    risks: Sequence[DueRisk], now: datetime
) -> dict[tuple[str | None, str | None, bool], list[ShiftState]]:
    """Put risks together that one mail tells of: those of a team; without a team, those of a location."""
    groups: dict[tuple[str | None, str | None, bool], list[ShiftState]] = {}
    for one in risks:
        key = (one.team, None if one.team else one.location, model.is_near(one.shift, now))
        groups.setdefault(key, []).append(one.shift)
    return groups


def _digest(
    team: str | None, recipient: Recipient, shifts: Sequence[ShiftState], *, urgent: bool
) -> NewDigest:
    reachable = recipient.address is not None
    return NewDigest(
        model.digest_id(team, recipient.role, recipient.id, shifts),
        team,
        recipient,
        urgent,
        tuple(shifts),
        DigestState.PENDING if reachable else DigestState.SKIPPED,
        DigestReason.DUE if reachable else DigestReason.NO_ADDRESS,
    )


async def begin_mails(
    tx: Transaction,
    *,
    limit: int,
    lease: timedelta,
    message_id: Callable[[UUID], str],
    default_language: str,
    now: datetime,
) -> list[Mail]:
    """Take mails that are to be tried, look again at their shifts, and begin those that still tell something.

    What has been cleared meanwhile is left out; where nothing is left no mail is sent. What clears a risk is
    applied before, and seen here, or after the mail was begun.
    """
    begun: list[Mail] = []
    claimed = await store.claim_pending(tx.conn, machine_now(), limit)
    if not claimed:
        return begun
    catalogue = await current_catalogue(tx.conn, default_language)
    items = await store.lock_items(tx.conn, {one.id for one in claimed}, now)
    stops = (await lock_restraint(tx.conn)).stops
    for one in claimed:
        left = items.get(one.id, [])
        stop = stop_of(stops, Subject("shift.at_risk", team=one.team))
        if left and stop is not None and not one.silenced:
            await store.hold(tx.conn, one.id, stop.id, now)
            continue
        if not left or one.recipient.address is None or one.silenced:
            state = DigestState.SKIPPED
            reason = DigestReason.SUPERVISOR_INACTIVE if left else DigestReason.CLEARED
            if left and one.silenced:
                reason = DigestReason.SILENCED
            if one.unknown_attempts:  # it may have arrived
                state, reason = DigestState.UNKNOWN, DigestReason.UNKNOWN
            await store.record_outcome(tx.conn, one.id, one.attempts, state, reason, now=now)
            continue
        reading = Reading.FALLBACK if one.recipient.id is None else Reading.SUPERVISOR
        letter, _ = catalogue.choose(EVENT, Reader(reading, one.recipient.locale))
        tongue = Tongue.of(letter.language, one.recipient.locale)
        values = model.wording(left, one.recipient, one.team_name, tongue, urgent=one.urgent)
        mail = Mail(one, message_id(one.id), letter, values)
        await store.mark_sending(
            tx.conn, one, lease_until=machine_now() + lease, message_id=mail.message_id,
            version=letter.label, now=now,
        )  # fmt: skip
        begun.append(mail)
    return begun


async def count_lost_as_unknown(tx: Transaction, *, policy: RetryPolicy, limit: int, now: datetime) -> int:
    """Take mails whose sender was lost after it began them: whether they were sent is unknown."""
    lost = await store.claim_lost(tx.conn, machine_now(), limit)
    for one in lost:
        charged = one.attempts - one.uncharged_attempts
        next_try = policy.next_try_of_unknown(machine_now(), charged, one.unknown_attempts + 1)
        state = DigestState.UNKNOWN if next_try is None else DigestState.PENDING
        reason = DigestReason.UNKNOWN if next_try is None else DigestReason.DUE
        await store.record_outcome(
            tx.conn, one.id, one.attempts, state, reason, now=now, unknown=True, next_try=next_try
        )
    return len(lost)
