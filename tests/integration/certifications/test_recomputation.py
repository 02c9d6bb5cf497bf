"""From facts and requirements to stored and published timelines."""

import asyncio
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from licet_certifications.app import ACTOR
from licet_certifications.eligibility import commands, store
from licet_certifications.eligibility.contract import state_of
from licet_certifications.eligibility.store import Pair
from licet_certifications.requirements.commands import requirement_snapshots
from licet_certifications.requirements.expressions import expression_of
from licet_chassis.cause import Cause
from licet_events.catalogue import Expression, Operand, RequirementChanged
from licet_events.credentials import CredentialCorrected, CredentialSnapshot, FlagKind, FlagState
from licet_events.eligibility import EligibilityChanged, EligibilityEnded, ReasonCode
from licet_events.holders import HolderDeactivated, HolderMerged, HolderSnapshot

from .conftest import NOW, credential, event_of, holder, learn, location, run

FIRST = run(date(2026, 1, 1), date(2026, 6, 30))
SECOND = run(date(2026, 9, 1), date(2026, 12, 31))


def codes(event: EligibilityChanged) -> list[str]:
    return [str(one.reasons[0].code) for one in event.eligibility.intervals]


async def test_terms_with_a_gap_are_published_as_a_timeline_of_five_intervals(service):
    await service.require()
    await service.tell(holder(1), credential(2, 1, FIRST, SECOND))
    await service.work_off()
    told, event = await service.published()
    assert isinstance(told.data, RequirementChanged)
    state = event.data.eligibility
    assert (state.holder_id, state.target, state.location, state.version) == (
        UUID(int=1),
        "role:forklift",
        "*",
        1,
    )
    assert [(one.start, str(one.verdict), [str(r.code) for r in one.reasons]) for one in state.intervals] == [
        (None, "eligible", ["no_requirement"]),
        (datetime(2026, 2, 1, tzinfo=UTC), "eligible", ["valid"]),
        (datetime(2026, 7, 1, tzinfo=UTC), "ineligible", ["expired"]),
        (datetime(2026, 9, 1, tzinfo=UTC), "eligible", ["valid"]),
        (datetime(2027, 1, 1, tzinfo=UTC), "ineligible", ["expired"]),
    ]
    assert [(fact.kind, fact.version) for fact in state.facts] == [
        ("credential", 1),
        ("holder", 1),
        ("requirement", 1),
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)])
async def test_the_order_in_which_facts_arrive_does_not_matter(service, order):
    async def require() -> None:
        await service.require()

    steps = [
        lambda: service.tell(holder(1)),
        lambda: service.tell(credential(2, 1, FIRST)),
        require,
    ]
    for index in order:
        await steps[index]()
        await service.work_off()
    last = [one.data for one in await service.published() if isinstance(one.data, EligibilityChanged)][-1]
    assert codes(last) == ["no_requirement", "valid", "expired"]


async def test_versions_of_a_timeline_grow_by_one_and_go_out_in_order(service):
    await service.require()
    await service.tell(holder(1), credential(2, 1, FIRST))
    await service.work_off()
    for version, last in enumerate((date(2026, 7, 31), date(2026, 8, 31), date(2026, 9, 30)), 2):
        await service.tell(credential(2, 1, run(date(2026, 1, 1), last), version=version))
        await service.work_off()
    events = [one for one in await service.published() if isinstance(one.data, EligibilityChanged)]
    assert [event.data.sequence for event in events] == [1, 2, 3, 4]
    async with service.database.reading() as conn:
        past = await conn.fetch("select version from past_timelines order by version")
    assert [row["version"] for row in past] == [1, 2, 3]


async def test_what_changes_no_timeline_is_neither_written_nor_published(service):
    await service.require()
    await service.tell(holder(1), credential(2, 1, FIRST))
    await service.work_off()
    await service.published()
    await service.tell(
        holder(1, version=2, team="north"), credential(2, 1, FIRST, version=2, issued_on=NOW.date())
    )
    assert await service.queued() == set()
    await service.tell(credential(2, 1, FIRST, version=3, grace_days=0, country="US"))
    await service.work_off()
    assert await service.published() == []


async def test_an_older_state_changes_nothing_and_a_repeated_one_asks_for_nothing(service):
    await service.require()
    await service.tell(holder(1, version=2), credential(2, 1, FIRST, version=5))
    await service.work_off()
    await service.published()
    await service.tell(holder(1, version=1, roles=()), credential(2, 1, version=4), holder(1, version=2))
    await service.tell(credential(2, 1, FIRST, version=5))
    assert await service.queued() == set()
    async with service.database.reading() as conn:
        assert await conn.fetchval("select version from holders") == 2
        assert await conn.fetchval("select version from credentials") == 5


async def test_of_a_batch_only_the_newest_state_of_each_counts(service):
    await service.require()
    await service.tell(holder(1), holder(3))
    await service.tell_batch(
        event_of(credential(2, 1, FIRST, version=2)),
        event_of(credential(4, 3, FIRST)),
        event_of(credential(2, 1, version=1)),
    )
    await service.work_off()
    events = [one.data for one in await service.published() if isinstance(one.data, EligibilityChanged)]
    assert {event.eligibility.holder_id.int: codes(event)[1] for event in events} == {1: "valid", 3: "valid"}


async def test_a_credential_touches_only_targets_whose_requirements_name_its_type(service):
    await service.require("role:forklift", "licence")
    await service.require("role:welder", "certificate")
    await service.tell(holder(1, roles=("forklift", "welder", "clerk")), holder(3, roles=("forklift",)))
    await service.work_off()
    await service.tell(credential(2, 1, FIRST, type="certificate"))
    assert await service.queued() == {(1, "role:welder")}


async def test_a_corrected_holder_or_type_touches_the_old_and_the_new(service):
    await service.require("role:forklift", "licence")
    await service.require("role:welder", "certificate")
    await service.tell(holder(1, roles=("forklift", "welder")), holder(3, roles=("forklift", "welder")))
    await service.tell(credential(2, 1, FIRST))
    await service.work_off()
    moved = credential(2, 3, FIRST, version=2, type="certificate")
    await service.tell(CredentialCorrected(credential=moved, corrected=(), reason="other_person"))
    assert await service.queued() == {(1, "role:forklift"), (3, "role:welder")}


async def test_a_requirement_touches_all_who_have_its_target_and_nobody_else(service):
    await service.tell(holder(1), holder(2), holder(3, roles=("welder",), queues=("claims",)))
    await service.work_off()
    await service.require("role:forklift")
    assert await service.queued() == {(1, "role:forklift"), (2, "role:forklift")}
    await service.work_off()
    await service.require("queue:claims")
    assert await service.queued() == {(3, "queue:claims")}


async def test_a_location_touches_only_where_a_jurisdiction_must_match(service):
    await service.require("role:forklift", match_jurisdiction=True, locations=("chi",))
    await service.require("role:welder", "certificate", locations=("chi",))
    await service.tell(holder(1, roles=("forklift", "welder")), credential(2, 1, FIRST, country="US"))
    await service.work_off()
    await service.published()
    await service.tell(location("chi", country="US", subdivision="US-IL"))
    assert await service.queued() == {(1, "role:forklift")}
    await service.work_off()
    [event] = await service.published()
    assert (event.data.eligibility.location, codes(event.data)) == (
        "chi",
        ["no_requirement", "valid", "expired"],
    )


async def test_a_location_touches_also_where_only_one_credential_must_match(service):
    part = Operand(type="licence", match_jurisdiction=True)
    await service.require(
        expression=expression_of(Operand(kind="all_of", operands=(part,))), locations=("chi",)
    )
    await service.tell(holder(1))
    await service.work_off()
    await service.tell(location("chi", country="US"))
    assert await service.queued() == {(1, "role:forklift")}


async def test_single_pairs_are_computed_before_those_of_a_changed_requirement(service):
    await service.tell(holder(1), holder(2), holder(3, roles=("welder",)))
    await service.work_off()
    await service.require()
    await service.queued()
    await service.tell(
        holder(2, version=2, location="ber"), holder(3, version=2, roles=("welder",), location="ber")
    )
    await service.queued()
    async with service.database.transaction(Cause.new(ACTOR)) as tx:
        first = await store.claim_recomputations(tx.conn, 2, ACTOR)
        rest = await store.claim_recomputations(tx.conn, 9, ACTOR)
    assert {pair.holder_id.int for pair in first} == {2, 3}
    assert {pair.holder_id.int for pair in rest} == {1}


async def test_a_timeline_is_kept_for_anywhere_for_the_holders_location_and_for_each_that_is_named(service):
    await service.require(locations=("chi", "ber"))
    await service.tell(holder(1, location="par"))
    await service.work_off()
    events = [one.data for one in await service.published() if isinstance(one.data, EligibilityChanged)]
    assert {event.eligibility.location: codes(event) for event in events} == {
        "*": ["no_requirement"],
        "ber": ["no_requirement", "missing"],
        "chi": ["no_requirement", "missing"],
        "par": ["no_requirement"],
    }


async def test_a_role_that_is_taken_away_ends_its_timelines_and_another_version_follows_its_return(service):
    await service.require(locations=("chi",))
    await service.tell(holder(1))
    await service.work_off()
    await service.published()
    await service.tell(holder(1, version=2, roles=()))
    await service.work_off()
    ended = [one.data for one in await service.published()]
    assert ended == [
        EligibilityEnded(holder_id=UUID(int=1), target="role:forklift", location="*", version=2),
        EligibilityEnded(holder_id=UUID(int=1), target="role:forklift", location="chi", version=2),
    ]
    await service.tell(holder(1, version=3))
    await service.work_off()
    assert [one.data.sequence for one in await service.published()] == [3, 3]


@pytest.mark.parametrize(
    "gone",
    [
        lambda holder: HolderDeactivated(holder=holder, reason="left"),
        lambda holder: HolderMerged(holder=holder, into=UUID(int=5)),
    ],
    ids=["deactivated", "merged"],
)
async def test_a_holder_who_is_gone_is_ineligible_everywhere(service, gone):
    await service.require()
    await service.tell(holder(1), credential(2, 1, FIRST))
    await service.work_off()
    await service.published()
    await service.tell(gone(holder(1, version=2, active=False)))
    await service.work_off()
    [event] = await service.published()
    assert codes(event.data) == ["holder_inactive"]


async def test_a_changed_requirement_keeps_its_old_version_and_holds_until_the_new_one_starts(service):
    before = await service.require()
    await service.tell(holder(1), credential(2, 1, run(date(2026, 1, 1), None)))
    await service.work_off()
    await service.published()
    after = await service.change(
        before,
        expression=Expression(kind="all_of", types=("licence", "course")),
        effective_from=date(2026, 5, 1),
    )
    assert after.version == 2
    await service.work_off()
    told, event = await service.published()
    assert told.data.sequence == 2
    assert codes(event.data) == ["no_requirement", "valid", "missing"]
    async with service.database.reading() as conn:
        assert await conn.fetchval("select count(*) from requirement_versions") == 2
    assert await service.change(after, severity=after.severity) == after
    assert await service.published() == []


async def test_an_event_goes_on_with_the_conversation_of_the_change_that_led_to_it(service):
    await service.require()
    await service.tell(holder(1), holder(3))
    await service.work_off()
    await service.published()
    first, second = await service.tell(credential(2, 1, FIRST), credential(4, 3, FIRST))
    await service.work_off()
    events = await service.published()
    assert {(one.data.eligibility.holder_id.int, one.correlation_id, one.causation_id) for one in events} == {
        (1, first.correlation_id, str(first.id)),
        (3, second.correlation_id, str(second.id)),
    }


async def test_snapshots_have_timelines_computed_again_and_only_what_differs_is_published(service):
    await service.require()
    await service.tell(holder(1), credential(2, 1, FIRST), holder(3))
    await service.work_off()
    await service.published()
    async with service.database.reading() as conn:
        await conn.execute(
            "update timelines set intervals[1] = intervals[2] where holder_id = $1", UUID(int=3)
        )
    await service.tell(
        HolderSnapshot(holder=holder(1)),
        HolderSnapshot(holder=holder(3)),
        CredentialSnapshot(credential=credential(2, 1, FIRST)),
    )
    assert await service.queued() == {(1, "role:forklift"), (3, "role:forklift")}
    await service.work_off()
    [event] = await service.published()
    assert (event.data.eligibility.holder_id.int, event.data.sequence) == (3, 2)


async def test_a_backfill_pages_through_all_requirements_and_timelines_that_have_not_ended(service):
    made = [await service.require("role:forklift"), await service.require("role:welder")]
    await service.tell(*(holder(number) for number in range(1, 6)))
    await service.work_off()
    await service.tell(holder(3, version=2, roles=()))
    await service.work_off()
    async with service.database.transaction(Cause.new("backfill")) as tx:
        found, cursor = [], None
        while True:
            page, cursor = await commands.timeline_snapshots(tx.conn, cursor, 2)
            found += [(one.eligibility.holder_id.int, one.eligibility.version) for one in page]
            if cursor is None:
                break
        assert found == [(1, 1), (2, 1), (4, 1), (5, 1)]
        requirements, after = await requirement_snapshots(tx.conn, None, 10)
    assert {one.requirement for one in requirements} == set(made)
    assert after is None


async def test_two_workers_share_the_queue_and_publish_each_timeline_once(service):
    await service.require()
    await service.tell_batch(*(event_of(holder(number)) for number in range(1, 61)))
    await service.queued()

    async def worker() -> int:
        done = 0
        while True:
            async with service.database.transaction(Cause.new(ACTOR)) as tx:
                pairs = await commands.recompute(tx, now=NOW, limit=7)
            if not pairs:
                return done
            done += pairs

    counts = await asyncio.gather(*(worker() for _ in range(4)))
    assert sum(counts) == 60
    events = [one for one in await service.published() if isinstance(one.data, EligibilityChanged)]
    assert sorted(one.data.eligibility.holder_id.int for one in events) == list(range(1, 61))


async def test_facts_that_change_side_by_side_are_both_seen_in_the_end(service):
    """The role and the credential are in two open transactions, neither of which sees the other."""
    await service.require()
    await service.tell(holder(1, roles=()))
    await service.work_off()
    await service.published()
    async with service.database.transaction(Cause.new(ACTOR)) as one:
        await learn(one, event_of(holder(1, version=2)))
        async with service.database.transaction(Cause.new(ACTOR)) as other:
            await learn(other, event_of(credential(2, 1, FIRST)))
        await service.work_off()
        assert await service.published() == []
    await service.work_off()
    [event] = await service.published()
    assert codes(event.data) == ["no_requirement", "valid", "expired"]


async def test_a_change_that_commits_while_its_pair_is_computed_is_computed_again(service):
    await service.require()
    await service.tell(holder(1))
    await service.queued()
    async with service.database.transaction(Cause.new(ACTOR)) as working:
        await commands.recompute(working, now=NOW)
        telling = asyncio.create_task(service.tell(credential(2, 1, FIRST)))
        await asyncio.wait_for(telling, 60)
        # The pair is deleted but not committed: queueing it again waits for that and then inserts.
        queueing = asyncio.create_task(service.queued())
        await asyncio.wait([queueing], timeout=0.2)
    assert await queueing == {(1, "role:forklift")}
    await service.work_off()
    last = (await service.published())[-1]
    assert (last.data.sequence, codes(last.data)) == (2, ["no_requirement", "valid", "expired"])


async def test_a_pair_that_cannot_be_computed_holds_up_no_other(service):
    await service.require()
    await service.tell(holder(1), holder(3))
    await service.work_off()
    await service.published()
    await service.tell(credential(2, 1, FIRST), credential(4, 3, FIRST))
    async with service.database.reading() as conn:
        await conn.execute("update credentials set facts = facts - 'runs' where holder_id = $1", UUID(int=3))
    await service.work_off()
    assert [event.data.eligibility.holder_id.int for event in await service.published()] == [1]
    assert await service.queued() == {(3, "role:forklift")}
    async with service.database.reading() as conn:
        assert await store.count_pending(conn) == 0
        await conn.execute(
            "update credentials set facts = facts || '{\"runs\": []}' where holder_id = $1", UUID(int=3)
        )
        await conn.execute("update recomputations set queued_at = clock_timestamp()")
    await service.work_off()
    assert [event.data.eligibility.holder_id.int for event in await service.published()] == [3]


async def test_what_is_stored_is_what_computing_on_read_gives(service):
    await service.require(locations=("chi",), match_jurisdiction=True)
    suspended = FlagState(
        id=UUID(int=9), kind=FlagKind.SUSPENDED, effective_from=datetime(2026, 3, 1, 12, 0, 0, 123456, UTC),
        until=datetime(2026, 4, 1, tzinfo=UTC), reason="x",
    )  # fmt: skip
    await service.tell(holder(1), location("chi", country="US"))
    await service.tell(credential(2, 1, FIRST, SECOND, country="US", flags=(suspended,), grace_days=3))
    await service.work_off()
    pair = Pair(UUID(int=1), "role:forklift")
    async with service.database.reading() as conn:
        computed = (await commands.compute(conn, [pair]))[pair]
        for code, decision in computed.items():
            stored = await store.read_timeline(conn, *pair, code)
            assert stored is not None
            assert stored == state_of(*pair, code, 1, decision, stored.computed_at)
    codes = {one.assessment.reasons[0].code for one in computed["chi"].stretches}
    assert ReasonCode.SUSPENDED in codes
