"""Carrying mails about shifts to the server, one after the other: they are few, each for many shifts."""

from datetime import datetime, timedelta

import structlog

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock, machine_now
from licet_chassis.database import Database, Transaction
from licet_chassis.loops import Loop
from licet_events.civil import zone
from licet_notifier.mail.message import Envelope, UnsafeHeader
from licet_notifier.mail.transport import Attempt, Result
from licet_notifier.notifications.delivery import NO_SERVER_FOR, Post
from licet_notifier.shift_digests import commands, store
from licet_notifier.shift_digests.commands import Mail
from licet_notifier.shift_digests.model import DigestReason, DigestState
from licet_notifier.templates.catalogue import shipped_instead
from licet_notifier.templates.rendering import Letter, TemplateFailed

_LEASE = timedelta(minutes=15)
"""Longer than an attempt may take, the reply to the final dot included."""
_LOST_AT_ONCE = 100

_log = structlog.get_logger("licet.shift_digests")


class DigestDelivery:
    """Makes mails of the risks that are due, and sends one a step.

    A mail is begun in a transaction that looks again at its shifts, and is sent outside of it. If the process
    dies before the outcome is noted, the lease runs out and the mail counts as unknown.
    """

    def __init__(self, database: Database, clock: BusinessClock, post: Post, *, actor: str) -> None:
        self._database = database
        self._clock = clock
        self._post = post
        self._actor = actor

    @property
    def loop(self) -> Loop:
        """What a process repeats."""
        return Loop("shift_digests", self.step, idle_seconds=0.5)

    async def step(self) -> bool:
        """Make mails of what is due, and send one; true if there may be more."""
        now = self._clock.now()
        async with self._database.transaction(Cause.new(self._actor)) as tx:
            made = await commands.make_digests(tx, deployment=self._post.deployment, now=now)
        async with self._database.transaction(Cause.new(self._actor)) as tx:
            await commands.count_lost_as_unknown(tx, policy=self._post.retry, limit=_LOST_AT_ONCE, now=now)
        mails: list[Mail] = []
        if self._post.transport.capacity > 0:
            async with self._database.transaction(Cause.new(self._actor)) as tx:
                mails = await commands.begin_mails(
                    tx, limit=1, lease=_LEASE, message_id=self._post.skeleton.message_id,
                    default_language=self._post.deployment.language, now=now,
                )  # fmt: skip
        for mail in mails:
            await self._send(mail)
        return made > 0 or bool(mails)

    async def _send(self, mail: Mail) -> None:
        try:
            try:
                message = self._message(mail, mail.letter)
            except TemplateFailed as error:
                # An organisation's own text must not keep anybody from being told.
                _log.error("shift_digests.shipped_instead", digest_id=str(mail.claimed.id), error=str(error))
                message = self._message(mail, shipped_instead(mail.letter))
        except (TemplateFailed, UnsafeHeader) as error:
            _log.error("shift_digests.template_failed", digest_id=str(mail.claimed.id), error=str(error))
            doubtful = mail.claimed.unknown_attempts > 0
            state = DigestState.UNKNOWN if doubtful else DigestState.FAILED
            await self._note(mail, state, DigestReason.TEMPLATE_FAILED)
            return
        address = mail.claimed.recipient.address or ""
        await self._judge(mail, await self._post.transport.send(self._post.skeleton.sender, address, message))

    def _message(self, mail: Mail, letter: Letter) -> bytes:
        recipient = mail.claimed.recipient
        envelope = Envelope(
            notification_id=mail.claimed.id,
            event_id=mail.claimed.id,
            address=recipient.address or "",
            name=recipient.name,
            date=self._clock.now().astimezone(zone(recipient.time_zone)),
            correlation_id=str(mail.claimed.id),
            traceparent=None,
        )
        return self._post.skeleton.message(envelope, letter.render(mail.values, recipient.locale))

    async def _judge(self, mail: Mail, attempt: Attempt) -> None:
        claimed, policy, now = mail.claimed, self._post.retry, machine_now()
        charged = mail.attempts - claimed.uncharged_attempts
        next_try, state, reason = None, DigestState.FAILED, DigestReason.GAVE_UP
        match attempt.result:
            case Result.SENT:
                state, reason = DigestState.SENT, DigestReason.DUE
            case Result.REFUSED:
                reason = DigestReason.REFUSED
            case Result.NO_SERVER:
                next_try = now + NO_SERVER_FOR
            case Result.UNKNOWN:
                next_try = policy.next_try_of_unknown(now, charged, claimed.unknown_attempts + 1)
                state, reason = DigestState.UNKNOWN, DigestReason.UNKNOWN
            case Result.TEMPORARY:
                next_try = policy.next_try(now, charged)
        if next_try is not None:
            state, reason = DigestState.PENDING, DigestReason.DUE
        elif state is DigestState.FAILED and claimed.unknown_attempts:
            # Where an attempt may have arrived, nobody can say that no mail was sent.
            state, reason = DigestState.UNKNOWN, DigestReason.UNKNOWN
        await self._note(mail, state, reason, attempt=attempt, next_try=next_try)

    async def _note(
        self,
        mail: Mail,
        state: DigestState,
        reason: DigestReason,
        *,
        attempt: Attempt | None = None,
        next_try: datetime | None = None,
    ) -> None:
        now = self._clock.now()
        result = None if attempt is None else attempt.result

        async def note(tx: Transaction) -> None:
            await store.record_outcome(
                tx.conn, mail.claimed.id, mail.attempts, state, reason, now=now,
                answer=None if attempt is None else attempt.answer, next_try=next_try,
                unknown=result is Result.UNKNOWN, uncharged=result is Result.NO_SERVER,
            )  # fmt: skip

        await self._database.run(Cause.new(self._actor), note)
