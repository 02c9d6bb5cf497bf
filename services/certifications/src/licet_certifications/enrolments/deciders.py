"""Decisions of the worklist about enrolments, by the kind of item."""

from collections.abc import Mapping
from datetime import datetime

from licet_certifications.enrolments import commands, deciding
from licet_certifications.enrolments.model import Change
from licet_certifications.enrolments.reconsidering import Course
from licet_certifications.enrolments.waiting import subject_of_component
from licet_certifications.worklist.commands import Decider
from licet_certifications.worklist.model import Item, Ruling, Verb
from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict


async def decide_enrolment(tx: Transaction, item: Item, ruling: Ruling, now: datetime) -> None:
    """Approve, deny or return what an enrolment waits for."""
    actor, note = tx.cause.actor, ruling.reason

    def act(change: Change, course: Course) -> Change:
        waits = change.state.waits_for
        if waits is None or waits.kind != item.kind:
            raise Conflict(f"Enrolment {item.enrolment_id} no longer waits for this decision.")
        match ruling.verb:
            case Verb.APPROVE:
                return deciding.approve(change, course, actor=actor, now=now, note=note)
            case Verb.DENY:
                return deciding.deny(change, actor=actor, now=now, note=note or "")
            case Verb.RETURN:
                return deciding.return_work(
                    change, course, ruling.components, actor=actor, now=now, note=note or ""
                )

    await _decide(tx, item, ruling, act, now)


async def decide_component(tx: Transaction, item: Item, ruling: Ruling, now: datetime) -> None:
    """Accept the evidence of a component or approve its completion; anything else has it done again."""
    actor, note, code = tx.cause.actor, ruling.reason, item.details["component"]

    def act(change: Change, course: Course) -> Change:
        component = deciding.waiting_component(change.enrolment, code)
        if subject_of_component(change.state.id, component) != item.subject:
            raise Conflict(f"Another completion of {code} counts by now; decide about that one.")
        if ruling.verb is Verb.APPROVE:
            return deciding.approve_component(change, course, code, actor=actor, now=now, note=note)
        return deciding.refuse_component(change, course, code, actor=actor, now=now, note=note or "")

    await _decide(tx, item, ruling, act, now)


async def _decide(tx: Transaction, item: Item, ruling: Ruling, act: commands.Act, now: datetime) -> None:
    if item.enrolment_id is None:
        raise Conflict(f"Item {item.id} names no enrolment.")
    await commands.decide(tx, item.enrolment_id, act, now=now, label=ruling.verb.value, note=ruling.reason)


DECIDERS: Mapping[str, Decider] = {
    "application": decide_enrolment,
    "completion": decide_enrolment,
    "review": decide_enrolment,
    "award": decide_enrolment,
    "component": decide_component,
    "evidence": decide_component,
}
"""Who carries out decisions about enrolments, by the kind of item."""
