"""Leading the enrolments of a merged holder on to the holder that it turned out to be. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from licet_certifications.enrolments.following import settle
from licet_certifications.enrolments.model import ITSELF, Change, Enrolment
from licet_certifications.enrolments.transitions import Trigger
from licet_events.credentials import ChangeCause
from licet_events.enrolments import EnrolmentStage


def lead_on(
    enrolments: Sequence[Enrolment], merged: Mapping[UUID, UUID], now: datetime
) -> list[tuple[Enrolment, Change]]:
    """Return what becomes of the enrolments of merged holders, given those of whom they lead to as well.

    A holder has one open enrolment in a programme: where both have one, the survivor's goes on and the other
    is cancelled. What was completed for it counts for the survivor's, as all completions lead on.
    """
    taken = {
        (each.state.holder_id, each.state.programme)
        for each in enrolments
        if each.open and each.state.holder_id not in merged
    }
    led: list[tuple[Enrolment, Change]] = []
    for enrolment in enrolments:
        into = merged.get(enrolment.state.holder_id)
        if into is None:
            continue
        change = settle(Change(enrolment), now)
        place = into, enrolment.state.programme
        if enrolment.open and place in taken:
            change = change.turn(
                Trigger.MERGED, ChangeCause.AUTOMATIC, ITSELF, now, reason="merged",
                stage=EnrolmentStage.CANCELLED, waits_for=None, deadline_at=None, window_opens_at=None,
            )  # fmt: skip
        elif enrolment.open:
            taken.add(place)
        led.append((enrolment, change.update(now, ITSELF, holder_id=into)))
    return led
