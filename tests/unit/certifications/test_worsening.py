"""How a timeline gets worse: against the verdicts at every instant, one by one."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from licet_certifications.eligibility.model import GRAVITY, Assessment, Reason, Stretch
from licet_certifications.whatifs.model import worsening
from licet_events.eligibility import ReasonCode, Verdict

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOURS = range(-3, 12)


@st.composite
def timelines(draw: st.DrawFn) -> tuple[Stretch, ...]:
    edges = sorted(draw(st.sets(st.sampled_from(HOURS), max_size=5)))
    instants = [None, *(NOW + timedelta(hours=edge) for edge in edges), None]
    return tuple(
        Stretch(start, end, Assessment(draw(st.sampled_from(Verdict)), (Reason(ReasonCode.VALID),)))
        for start, end in pairwise(instants)
    )


def at(timeline: tuple[Stretch, ...] | None, instant: datetime) -> int:
    if timeline is None:
        return 0
    [found] = [
        one for one in timeline
        if (one.start is None or one.start <= instant) and (one.end is None or instant < one.end)
    ]  # fmt: skip
    return GRAVITY[found.assessment.verdict]


@given(st.none() | timelines(), timelines())
def test_the_first_worse_instant_is_found_and_when_it_ends(
    before: tuple[Stretch, ...] | None, after: tuple[Stretch, ...]
):
    hours = [NOW + timedelta(hours=hour) for hour in HOURS if hour >= 0]
    worse = [hour for hour in hours if at(after, hour) > at(before, hour)]
    found = worsening(before, after, NOW)
    if not worse:
        assert found is None
        return
    assert found is not None
    assert found.at == worse[0]
    ends = [hour for hour in hours if hour > worse[0] and hour not in worse]
    assert found.until == (ends[0] if ends else None)
    grave = [hour for hour in worse if at(after, hour) == GRAVITY[Verdict.INELIGIBLE]]
    assert found.ineligible_at == (grave[0] if grave else None)
    assert (found.before is None) == (before is None)
    assert GRAVITY[found.after.verdict] == at(after, worse[0])
