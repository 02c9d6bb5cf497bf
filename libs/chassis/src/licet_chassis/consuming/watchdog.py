"""Finds a consumer that has work and makes no progress, so that its process ends and is started again."""

import asyncio
from time import monotonic

from licet_chassis.consuming.dispatcher import HANDLING_SECONDS
from licet_chassis.consuming.member import ASK_SECONDS, Member
from licet_chassis.kafka import KafkaAccess


class Stuck(Exception):
    """A consumer has work and makes no progress; the process should end and be started again."""


class Ended(Exception):
    """A task of a consumer has ended by itself; the consumers are to be started anew."""


class Watchdog:
    """Judges members each time it is asked; `stuck_after` is in seconds."""

    def __init__(self, kafka: KafkaAccess, stuck_after: float) -> None:
        self._kafka = kafka
        self._stuck_after = stuck_after

    async def check(self, member: Member) -> None:
        """Raise `Ended` or `Stuck`; raises `KafkaError` or `TimeoutError` without Kafka."""
        now = monotonic()
        _refuse_the_dead(member)
        if member.moved():
            member.still_since, member.suspected_since = now, None
        if member.in_hand:
            # A batch that is retried is not stuck: each attempt has a bound. Beyond it, something does not
            # even let itself be cancelled.
            hung = now - max(member.attempt_since, member.still_since) > 2 * HANDLING_SECONDS
            if hung:
                raise Stuck(f"a handler of {member.name} does not come back")
            member.suspected_since = None
            return
        if now - member.still_since < self._stuck_after:
            return
        if not member.joined:
            async with asyncio.timeout(2 * ASK_SECONDS):
                await self._kafka.cluster_id()  # raises while Kafka is away
            raise Stuck(f"the consumer {member.name} can't join its group")
        if not await member.has_unread():
            member.still_since, member.suspected_since = now, None
        elif member.suspected_since is None:
            # The records may have come this moment; only those that stay unread count.
            member.suspected_since = now
        elif now - member.suspected_since > self._stuck_after / 3:
            raise Stuck(f"records wait and the consumer {member.name} makes no progress")


def _refuse_the_dead(member: Member) -> None:
    ended = member.ended
    if ended is not None:
        raise Ended(f"the consumer {member.name}: {ended}")
    if not member.alive:
        raise Stuck(f"the consumer {member.name} has ended by itself")
