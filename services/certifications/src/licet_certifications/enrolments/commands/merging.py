"""Leading the enrolments of merged holders on."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from licet_certifications.enrolments import merging, store
from licet_certifications.enrolments.commands.desk import Step, definitions_of, write
from licet_certifications.enrolments.reconsidering import Course
from licet_certifications.worklist import store as worklist
from licet_chassis.database import Transaction
from licet_events.enrolments import EnrolmentMoved


async def lead_on(tx: Transaction, holder_ids: Collection[UUID], *, now: datetime) -> set[UUID]:
    """Give the enrolments of those of the holders who were merged to whom they lead to, and return these.

    Judge theirs again in the same transaction, with the completions that lead on too. Safe to repeat. Each
    enrolment is told of under its new key, and its old key ends.
    """
    merged = await store.read_merged(tx.conn, holder_ids)
    if not merged:
        return set()
    everybody = {*merged, *merged.values()}
    # Whoever is just enrolling one of them commits first; whoever comes later sees that it was merged.
    await store.hold_holders(tx.conn, everybody)
    found = await store.lock_of_holders(tx.conn, everybody)
    led = merging.lead_on(found, merged, now)
    if not led:
        return set()
    definitions = await definitions_of(tx.conn, found)
    steps = [
        Step(before, change, Course(definitions[before.state.programme, before.state.programme_version]))
        for before, change in led
    ]
    await write(tx, steps, now, label="merged")
    for holder_id, into in merged.items():
        await worklist.lead_on(tx.conn, holder_id, into)
    await tx.publish(
        *(
            EnrolmentMoved(
                holder_id=before.state.holder_id, enrolment_id=before.state.id, version=change.state.version
            )
            for before, change in led
        ),
        now=now,
    )
    return set(merged.values())
