"""A credential that was moved to another holder: its state and the end of its old key come in any order."""

from datetime import date
from uuid import UUID

import pytest

from licet_events.credentials import CredentialMoved
from licet_events.eligibility import EligibilityChanged

from .conftest import credential, event_of, holder, run

YEAR = run(date(2026, 1, 1), date(2026, 12, 31))
LEFT = CredentialMoved(holder_id=UUID(int=1), credential_id=UUID(int=5))
ARRIVED = credential(5, 2, YEAR, version=2)


async def verdicts(service) -> dict[int, list[str]]:
    """Return by holder what was published last: the first reason of each interval."""
    return {
        event.data.eligibility.holder_id.int: [
            str(one.reasons[0].code) for one in event.data.eligibility.intervals
        ]
        for event in await service.published()
        if isinstance(event.data, EligibilityChanged)
    }


@pytest.fixture
async def entered(service):
    await service.require()
    await service.tell(holder(1), holder(2), credential(5, 1, YEAR))
    await service.work_off()
    assert await verdicts(service) == {
        1: ["no_requirement", "valid", "expired"],
        2: ["no_requirement", "missing"],
    }


@pytest.mark.parametrize("told", [(ARRIVED, LEFT), (LEFT, ARRIVED), (LEFT, ARRIVED, LEFT)])
async def test_both_holders_are_judged_anew_in_whatever_order_it_is_told(service, entered, told):
    await service.tell(*told)
    await service.work_off()
    assert await verdicts(service) == {
        1: ["no_requirement", "missing"],
        2: ["no_requirement", "valid", "expired"],
    }


async def test_once_its_key_has_ended_it_no_longer_counts_for_the_holder_whom_it_left(service, entered):
    await service.tell(LEFT)
    await service.work_off()
    assert await verdicts(service) == {1: ["no_requirement", "missing"]}


async def test_a_state_of_before_the_move_that_is_repeated_after_it_changes_nothing(service, entered):
    await service.tell(ARRIVED, credential(5, 1, YEAR), LEFT)
    await service.work_off()
    assert (await verdicts(service))[2] == ["no_requirement", "valid", "expired"]


async def test_what_was_moved_there_and_back_within_one_batch_is_where_it_began(service, entered):
    back = credential(5, 1, YEAR, version=4)
    await service.tell_batch(event_of(credential(5, 1, YEAR)), event_of(LEFT), event_of(back))
    await service.tell(ARRIVED, CredentialMoved(holder_id=UUID(int=2), credential_id=UUID(int=5)))
    await service.work_off()
    assert await verdicts(service) == {}
    async with service.database.reading() as conn:
        [row] = await conn.fetch("select version, holder_id from credentials")
    assert (row["version"], row["holder_id"]) == (4, UUID(int=1))
