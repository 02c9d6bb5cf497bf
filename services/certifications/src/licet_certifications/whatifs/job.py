"""Answering what-ifs in the background, some holders a transaction, and forgetting them after thirty days."""

from datetime import timedelta

import structlog

from licet_certifications.whatifs import commands, store
from licet_certifications.whatifs.model import KEPT_DAYS
from licet_certifications.whatifs.store import Question
from licet_chassis.cause import Cause, new_traceparent
from licet_chassis.clock import BusinessClock
from licet_chassis.database import INFRASTRUCTURE_ERRORS, Database, Transaction

_log = structlog.get_logger("licet.what_ifs")

_KEPT = timedelta(days=KEPT_DAYS)


class WhatIfs:
    """Answers what-ifs, the oldest first; several instances answer different ones side by side."""

    def __init__(self, database: Database, clock: BusinessClock, actor: str) -> None:
        self._database = database
        self._clock = clock
        self._actor = actor

    async def step(self) -> bool:
        """Answer a part of one question; returns whether there may be more to do."""
        now = self._clock.now()
        async with self._database.transaction(Cause.new(self._actor)) as tx:
            forgotten = await store.delete_expired(tx.conn, now - _KEPT)
        # A crash before the commit loses one part, which is computed again: `after` goes with its rows.
        async with self._database.transaction(Cause.new(self._actor)) as tx:
            question = await store.claim_running(tx.conn)
            if question is None:
                return forgotten
            tx.cause = Cause(question.actor, str(question.id), None, new_traceparent())
            await self._answer(tx, question)
        return True

    async def _answer(self, tx: Transaction, question: Question) -> None:
        try:
            async with tx.conn.transaction():
                await commands.answer_some(tx, question, now=self._clock.now())
        except INFRASTRUCTURE_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001  # a question that breaks us must not hold up the others
            _log.exception("what_if.failed", what_if_id=str(question.id))
            detail = f"an unexpected {type(error).__name__}; see the log of certifications"
            await store.note_failure(tx.conn, question.id, detail, self._clock.now())
