"""The timeline against the slow oracle: every hour of two years, facts looked up one by one.

The suite looks at a few hundred random worlds for a month each. `LICET_ORACLE_WORLDS=10000` looks at so
many for all of the two years; `LICET_ORACLE_FIRST` is the seed of the first.
"""

import os
from itertools import pairwise

import pytest

from licet_certifications.eligibility.deciding import decide
from licet_certifications.eligibility.model import FUTURE, PAST, Decision
from licet_certifications.eligibility.rules import rulebook_of
from support.eligibility.oracle import Oracle, Why, hours
from support.eligibility.worlds import DAYS, TARGET, World, shuffled, some_world

EVERY_HOUR = "LICET_ORACLE_WORLDS" in os.environ
WORLDS = int(os.environ.get("LICET_ORACLE_WORLDS", "400"))
FIRST = int(os.environ.get("LICET_ORACLE_FIRST", "0"))
PORTIONS = 8


def decided(world: World) -> Decision:
    book = rulebook_of(TARGET, world.requirements, {})
    decisions = decide(
        world.holder, book, credentials=world.credentials, places={world.place.code: world.place},
        waivers=world.waivers,
    )  # fmt: skip
    return decisions[world.place.code]


@pytest.mark.timeout(0)
@pytest.mark.parametrize("portion", range(PORTIONS))
def test_the_timeline_says_of_each_hour_what_the_rules_say(portion: int) -> None:
    for seed in range(FIRST + portion, FIRST + WORLDS, PORTIONS):
        world = some_world(seed)
        stretches = iter(decided(world).stretches)
        oracle, stretch = Oracle(world), next(stretches)
        for now in hours(0, DAYS) if EVERY_HOUR else hours(seed * 37 % (DAYS - 30), 30):
            while stretch.end is not None and stretch.end <= now:
                stretch = next(stretches)
            told = {Why(*one[:3], one.waiver_id) for one in stretch.assessment.reasons}
            answer = oracle.at(now)
            assert stretch.assessment.verdict == answer.verdict, (seed, now, told, answer)
            assert answer.certain <= told <= answer.possible, (seed, now)


@pytest.mark.parametrize("seed", range(300))
def test_a_timeline_is_contiguous_minimal_and_the_same_whatever_the_order_of_facts(seed: int) -> None:
    world = some_world(seed)
    decision = decided(world)
    assert (decision.stretches[0].start, decision.stretches[-1].end) == (None, None)
    for before, after in pairwise(decision.stretches):
        assert before.end == after.start
        assert (before.start or PAST) < (before.end or FUTURE)
        assert before.assessment != after.assessment
    assert decided(shuffled(world, seed)) == decision
