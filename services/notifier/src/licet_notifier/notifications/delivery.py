"""Carrying mails to the server: begin them in one transaction, send outside of it, note what came of it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from prometheus_client import Counter, Histogram

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock, machine_now
from licet_chassis.database import TRANSIENT, Database, Transaction
from licet_chassis.loops import Loop
from licet_events.civil import zone
from licet_events.notifications import NotificationReason
from licet_notifier.mail.message import Envelope, Skeleton, UnsafeHeader
from licet_notifier.mail.transport import Attempt, MailTransport, Result
from licet_notifier.notifications import beginning, commands
from licet_notifier.notifications.model import Deployment, Outcome, State
from licet_notifier.notifications.retry import RetryPolicy
from licet_notifier.notifications.store import Attempted, Begun, extend_leases
from licet_notifier.templates.catalogue import shipped_instead
from licet_notifier.templates.rendering import TemplateFailed

_log = structlog.get_logger("licet.delivery")
_attempts = Counter("licet_mail_attempts_total", "Attempts to send a mail, by what they came to", ["result"])
_seconds = Histogram("licet_mail_attempt_seconds", "How long an attempt to send a mail took")

_LEASE = timedelta(seconds=60)
_RENEWAL = 15.0
"""Seconds after which the leases of mails that are still on their way are extended."""
_GATHERING = 0.005
"""Seconds for which others are waited for when a mail has ended."""
NO_SERVER_FOR = timedelta(seconds=30)
"""How long a mail rests after trouble of the mail server, so that another one tries the server next."""
_LOST_AT_ONCE = 100


@dataclass(frozen=True)
class Post:
    """What a mail is made of and goes through."""

    transport: MailTransport
    skeleton: Skeleton
    deployment: Deployment
    retry: RetryPolicy


class Delivery:
    """Keeps every connection busy with one mail.

    A mail is begun (claimed, looked at again, marked `sending`) only when a connection is free for it,
    so that nothing which is applied later is older than the mail by more than one conversation. If the
    process dies before the outcome is noted, the lease runs out and the mail counts as unknown.
    """

    def __init__(
        self,
        database: Database,
        clock: BusinessClock,
        post: Post,
        *,
        actor: str,
        kinds: Sequence[beginning.BeginMails] = (beginning.begin_mails,),
    ) -> None:
        """`kinds` begin mails, each about one kind of notice."""
        self._kinds = tuple(kinds)
        self._database = database
        self._clock = clock
        self._post = post
        self._actor = actor
        self._under_way: dict[asyncio.Task[Attempted], Begun] = {}
        self._to_record: list[Attempted] = []
        self._renewed_at = 0.0

    @property
    def loops(self) -> tuple[Loop, ...]:
        """What a process repeats: delivering, and looking for mails whose sender was lost."""
        return (
            Loop("delivery", self.step, idle_seconds=0.2),
            Loop("lost_mails", self.recover, idle_seconds=5),
        )

    async def step(self) -> bool:
        """Begin what may leave, wait for some of it, note what came of it; true if there may be more."""
        # At once, on two connections: a mail is never recorded and begun at the same time.
        _, claimed = await asyncio.gather(self._record(), self._begin())
        if not self._under_way:
            return bool(self._to_record) or claimed > 0
        await asyncio.wait(self._under_way, timeout=_RENEWAL, return_when=asyncio.FIRST_COMPLETED)
        await self._gather()
        self._collect()
        await self._renew_leases()
        return True

    async def recover(self) -> bool:
        """Count mails as unknown whose sender was lost; true if there may be more."""
        async with self._database.transaction(Cause.new(self._actor)) as tx:
            count = await commands.count_lost_as_unknown(
                tx, policy=self._post.retry, limit=_LOST_AT_ONCE, now=self._clock.now()
            )
        if count:
            _log.warning("delivery.lost", mails=count)
            _attempts.labels(Result.UNKNOWN).inc(count)
        return count == _LOST_AT_ONCE

    async def drain(self, seconds: float) -> None:
        """Finish the mails that were begun, for `seconds` at most; the leases of the others run out."""
        deadline = time.monotonic() + seconds
        while self._under_way and (left := deadline - time.monotonic()) > 0:
            await asyncio.wait(self._under_way, timeout=min(left, _RENEWAL))
            self._collect()
            await self._renew_leases()
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._under_way.clear()
        try:
            await self._record()
        except TRANSIENT:
            # The leases of these run out too; each counts as unknown and is sent again.
            _log.warning("delivery.not_noted", mails=len(self._to_record), exc_info=True)

    async def _gather(self) -> None:
        """Wait a moment for half of the mails, so that one transaction is for several of them.

        The other half keeps its connections busy meanwhile.
        """
        deadline = time.monotonic() + _GATHERING
        enough = (len(self._under_way) + 1) // 2
        while (left := deadline - time.monotonic()) > 0:
            waiting = [task for task in self._under_way if not task.done()]
            if len(self._under_way) - len(waiting) >= enough:
                return
            await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)

    async def _begin(self) -> int:
        """Begin mails for which connections are free; returns how many were looked at."""
        claimed = 0
        post = self._post
        free = post.transport.capacity - len(self._under_way)
        if free <= 0:
            return claimed
        # Whichever kind of mail fills the connections comes last the next time.
        self._kinds = (*self._kinds[1:], *self._kinds[:1])
        for begin_mails in self._kinds:
            if free <= 0:
                break

            async def begin(
                tx: Transaction, begin_mails: beginning.BeginMails = begin_mails, limit: int = free
            ) -> beginning.Batch:
                return await begin_mails(
                    tx,
                    deployment=post.deployment,
                    limit=limit,
                    lease=_LEASE,
                    message_id=post.skeleton.message_id,
                    now=self._clock.now(),
                )

            batch = await self._database.run(Cause.new(self._actor), begin)
            claimed += batch.claimed
            free -= len(batch.begun)
            for begun in batch.begun:
                self._under_way[asyncio.create_task(self._send(begun))] = begun
        if not self._under_way and post.transport.trouble.answer is not None:
            # No mail is due that could find out whether the server takes mails again.
            await post.transport.probe(post.skeleton.sender)
        return claimed

    async def _send(self, begun: Begun) -> Attempted:
        notification = str(begun.claimed.notification_id)
        try:
            try:
                message = self._message(begun)
            except TemplateFailed as error:
                # An organisation's own text must not keep anybody from being told.
                _log.error("delivery.shipped_instead", notification_id=notification, error=str(error))
                begun = replace(begun, letter=shipped_instead(begun.letter))
                message = self._message(begun)
        except (TemplateFailed, UnsafeHeader) as error:
            _log.error("delivery.template_failed", notification_id=notification, error=str(error))
            failed = _failed(begun, NotificationReason.TEMPLATE_FAILED, None)
            return Attempted(failed, begun.claimed.attempts + 1, unknown=False)
        started = time.perf_counter()
        sender = self._post.skeleton.envelope_sender(begun.claimed.notification_id)
        attempt = await self._post.transport.send(sender, begun.decision.address or "", message)
        _seconds.observe(time.perf_counter() - started)
        _attempts.labels(attempt.result).inc()
        return self._judge(begun, attempt)

    def _message(self, begun: Begun) -> bytes:
        claimed, reader = begun.claimed, begun.written_for
        content = begun.letter.render(begun.values, reader.locale)
        recipient_name = begun.values["recipient_name"]
        envelope = Envelope(
            notification_id=claimed.notification_id,
            event_id=claimed.notice.event_id,
            address=reader.address or "",
            name=recipient_name if isinstance(recipient_name, str) else None,
            date=self._clock.now().astimezone(zone(begun.decision.time_zone)),
            correlation_id=claimed.notice.correlation_id,
            traceparent=claimed.notice.traceparent,
            message_id=begun.message_id,
            cc=tuple((each.address or "", each.name) for each in begun.copies),
        )
        return self._post.skeleton.message(envelope, content)

    def _judge(self, begun: Begun, attempt: Attempt) -> Attempted:
        """Say what an attempt means for the mail."""
        attempts, now, policy = begun.claimed.attempts + 1, machine_now(), self._post.retry
        charged = attempts - begun.claimed.uncharged_attempts
        match attempt.result:
            case Result.SENT:
                return Attempted(
                    _outcome(begun, State.SENT, NotificationReason.DUE, attempt), attempts, unknown=False
                )
            case Result.NO_SERVER:
                again = _again(begun, attempt, now + NO_SERVER_FOR)
                return Attempted(again, attempts, unknown=False, uncharged=True)
            case Result.UNKNOWN:
                unknown = begun.claimed.unknown_attempts + 1
                next_try = policy.next_try_of_unknown(now, charged, unknown)
                ended = _outcome(begun, State.UNKNOWN, NotificationReason.UNKNOWN, attempt)
            case Result.REFUSED:
                next_try, ended = None, _failed(begun, NotificationReason.REFUSED, attempt)
            case Result.TEMPORARY:
                next_try = policy.next_try(now, charged)
                ended = _failed(begun, NotificationReason.GAVE_UP, attempt)
        _log.info(
            "delivery.not_sent", notification_id=str(begun.claimed.notification_id), result=attempt.result,
            smtp_status=attempt.smtp_status, answer=str(attempt.answer),
            next_try=None if next_try is None else next_try.isoformat(),
        )  # fmt: skip
        outcome = ended if next_try is None else _again(begun, attempt, next_try)
        return Attempted(outcome, attempts, unknown=attempt.result is Result.UNKNOWN)

    def _collect(self) -> None:
        for task in [task for task in self._under_way if task.done()]:
            begun = self._under_way.pop(task)
            error = task.exception()
            if error is None:
                self._to_record += _of_all(begun, task.result())
            else:
                # Its lease runs out: how far it came is unknown.
                notification = str(begun.claimed.notification_id)
                _log.error("delivery.send_failed", notification_id=notification, exc_info=error)

    async def _record(self) -> None:
        if not self._to_record:
            return
        attempts, self._to_record = self._to_record, []

        async def record(tx: Transaction) -> None:
            await commands.record_attempts(tx, attempts, now=self._clock.now())

        try:
            await self._database.run(Cause.new(self._actor), record)
        except BaseException:
            # Kept until it is noted: if the database is away, the next step tries again.
            self._to_record = attempts + self._to_record
            raise

    async def _renew_leases(self) -> None:
        if not self._under_way or time.monotonic() - self._renewed_at < _RENEWAL:
            return
        self._renewed_at = time.monotonic()
        ids = sorted(
            one.claimed.notification_id
            for begun in self._under_way.values()
            for one in (begun, *begun.told_too)
        )
        async with self._database.reading() as conn:
            await extend_leases(conn, ids, lease_until=machine_now() + _LEASE)


def _outcome(begun: Begun, state: State, reason: NotificationReason, attempt: Attempt | None) -> Outcome:
    answer = None if attempt is None else attempt.answer
    return Outcome(
        begun.claimed.notification_id,
        begun.claimed.notice,
        begun.decision.role,
        begun.decision.recipient_id,
        state,
        reason,
        smtp_status=None if answer is None else answer.code,
        smtp_answer=None if answer is None else str(answer),
        template_version=begun.letter.label,
        resent=begun.claimed.resent,
        after_days=begun.claimed.after_days,
    )


def _of_all(begun: Begun, attempted: Attempted) -> list[Attempted]:
    """Return the outcome of an attempt for every mail that it stands for."""
    others = [
        replace(
            attempted,
            outcome=replace(
                attempted.outcome,
                notification_id=each.claimed.notification_id,
                notice=each.claimed.notice,
                role=each.decision.role,
                recipient_id=each.decision.recipient_id,
                resent=each.claimed.resent,
            ),
            attempts=each.claimed.attempts + 1,
        )
        for each in begun.told_too
    ]
    return [attempted, *others]


def _failed(begun: Begun, reason: NotificationReason, attempt: Attempt | None) -> Outcome:
    """Return the end of a mail that is not sent; unknown, where an earlier attempt may have arrived."""
    if begun.claimed.unknown_attempts:
        return _outcome(begun, State.UNKNOWN, NotificationReason.UNKNOWN, attempt)
    return _outcome(begun, State.FAILED, reason, attempt)


def _again(begun: Begun, attempt: Attempt, next_try: datetime) -> Outcome:
    pending = _outcome(begun, State.PENDING, NotificationReason.DUE, attempt)
    return replace(pending, next_try=next_try)
