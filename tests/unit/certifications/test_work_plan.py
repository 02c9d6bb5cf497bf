"""The latest day to start each component, so that all of it is done by a day."""

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from licet_certifications.enrolments.renewing import latest_starts
from licet_certifications.programmes.model import Component, ComponentKind

UNTIL = date(2027, 6, 30)


@st.composite
def paths(draw: st.DrawFn) -> tuple[Component, ...]:
    """Components of which each may need earlier ones."""
    made: list[Component] = []
    for number in range(draw(st.integers(1, 6))):
        needs: set[Component] = draw(st.sets(st.sampled_from(made), max_size=3)) if made else set()
        made.append(
            Component(
                code=f"c{number}",
                name=f"C{number}",
                kind=ComponentKind.COURSE,
                usual_days=draw(st.none() | st.integers(0, 60)),
                prerequisites=tuple(sorted(each.code for each in needs)),
            )
        )
    return tuple(made)


@settings(deadline=None)
@given(paths())
def test_everything_started_on_its_latest_day_is_done_in_time_and_in_order(
    components: tuple[Component, ...],
) -> None:
    starts = latest_starts(components, UNTIL)
    assert starts.keys() == {each.code for each in components}
    for component in components:
        ends = starts[component.code] + timedelta(days=component.usual_days or 0)
        following = [starts[other.code] for other in components if component.code in other.prerequisites]
        assert ends == min(following, default=UNTIL)
