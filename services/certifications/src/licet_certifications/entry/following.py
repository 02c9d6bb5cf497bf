"""Enrolling by rule what facts ask for, after they are committed.

What somebody gains is noted in the transaction that learns it, whether or not a rule names it: a rule that
is published at the same moment does not see it, and is not seen. Which rules there are is asked here, after
both.
"""

import structlog

from licet_certifications.enrolments import commands
from licet_certifications.enrolments.model import Entry
from licet_certifications.entry import store
from licet_certifications.programmes import store as programmes
from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.connection import Connection
from licet_chassis.database import Database, Transaction
from licet_chassis.errors import Refused

_log = structlog.get_logger("licet.entry")

_HOLDERS_A_STEP = 500
_GAINS_A_STEP = 50
_PASSED_OVER_A_STEP = 2_000


class EntryByRule:
    """Works off what holders have gained."""

    def __init__(self, database: Database, clock: BusinessClock, actor: str) -> None:
        self._database = database
        self._clock = clock
        self._actor = actor

    async def step(self) -> bool:
        """Work off some gains; returns whether there may be more."""
        noted = await self._note_holders()
        passed_over = await self._pass_over()
        for _ in range(_GAINS_A_STEP):
            if not await self._next():
                return noted or passed_over == _PASSED_OVER_A_STEP
        return True

    async def _pass_over(self) -> int:
        # One snapshot for rules and gains: a gain that was noted for a rule is seen only together with it.
        async with (
            self._database.lending() as conn,
            conn.transaction(isolation="repeatable_read"),
        ):
            return await store.pass_over(conn, list(await _rules(conn)), _PASSED_OVER_A_STEP)

    async def _note_holders(self) -> bool:
        cause = Cause.new(self._actor)
        async with self._database.transaction(cause) as tx:
            publication = await store.read_publication(tx.conn)
            if publication is None:
                return False
            await store.note_holders(tx.conn, publication, cause.correlation_id, _HOLDERS_A_STEP)
        return True

    async def _next(self) -> bool:
        async with self._database.transaction(Cause.new(self._actor)) as tx:
            gain = await store.claim_gain(tx.conn)
            if gain is None:
                return False
            told = Transaction(tx.conn, gain.cause(self._actor), self._database.source)
            # Asked after the claim: whatever rule the gain was noted for is committed by now.
            for programme in (await _rules(tx.conn)).get(gain.trigger, ()):
                await self._enrol(told, gain, programme)
            await store.finish_gain(tx.conn, gain)
        return True

    async def _enrol(self, tx: Transaction, gain: store.Gain, programme: str) -> None:
        try:
            async with tx.conn.transaction():
                await commands.open_enrolment(
                    tx, gain.holder_id, programme, entry=Entry.RULE, now=self._clock.now()
                )
        except Refused as refused:
            # Somebody who is enrolled already, or does not meet what the programme asks first.
            _log.info(
                "entry.refused",
                holder_id=str(gain.holder_id),
                programme=programme,
                trigger=gain.trigger,
                reason=type(refused).__name__,
            )


async def _rules(conn: Connection) -> dict[str, list[str]]:
    """Return which programmes enrol by which trigger."""
    rules: dict[str, list[str]] = {}
    for version in await programmes.all_newest_published(conn):
        for trigger in version.definition.entry.triggers:
            rules.setdefault(trigger, []).append(version.programme)
    return rules
