"""Answering for the past from the decisions that were made."""

from datetime import datetime

from licet_certifications.eligibility import store
from licet_certifications.eligibility.store import Shift
from licet_certifications.eligibility.verdicts import judge_as_known
from licet_certifications.history.model import Answer, Known, Question
from licet_chassis.connection import Connection
from licet_events.eligibility import Reason, ReasonCode, Verdict


async def answer(conn: Connection, question: Question, *, now: datetime) -> Answer:
    """Return what was known of a shift when it began, or is now if it has yet to begin, and what is now.

    Nothing is computed: each verdict is that of a decision which was in force, with the versions of the facts
    and waivers that it rested on. Where none was in force the holder was ineligible, for want of the target.
    """
    then = await _known(conn, question, min(question.start, now))
    return Answer(question, then, await _known(conn, question, now))


async def _known(conn: Connection, question: Question, known_at: datetime) -> Known:
    shift = Shift(question.holder_id, question.target, question.location, question.start, question.end)
    judged = await judge_as_known(conn, shift, known_at)
    if judged is None:
        targets = await store.read_known_targets(conn, [question.target])
        code = ReasonCode.NOT_ASSIGNED if targets else ReasonCode.UNKNOWN_TARGET
        return Known(known_at, Verdict.INELIGIBLE, (Reason(code=code),), None, None, None, ())
    return Known(
        known_at,
        judged.verdict,
        judged.reasons,
        judged.location,
        judged.version,
        judged.computed_at,
        judged.facts,
    )
