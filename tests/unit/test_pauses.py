"""Whatever makes a step rest ends one day; then the strictest that was reached is told, once."""

import os

from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.pausing.both import Both
from support.pausing.histories import HOURS, History, Kind, Pause, ladder, oracle

HISTORIES = int(os.environ.get("LICET_PAUSE_HISTORIES", "60"))
"""How many random histories are tried."""


@st.composite
def pauses(draw: st.DrawFn) -> Pause:
    """A pause that begins near a step or anywhere, and ends before, on or after another, or never."""
    reached = [hour for hour, _ in ladder()]
    offsets = st.one_of(st.sampled_from((-1, 0, 3, 9)), st.integers(-30, 30))
    near = st.tuples(st.sampled_from(reached), offsets).map(sum)
    hours = st.one_of(near, st.integers(0, HOURS))
    since = max(0, draw(hours))
    until = draw(st.one_of(hours, hours, hours, st.none()))
    return Pause(draw(st.sampled_from(Kind)), since, None if until is None else max(since + 1, until))


THIRTY, SEVEN = (hour for hour, step in ladder() if step in {30, 7})
BEFORE_ITS_MAIL = History((Pause(Kind.INACTIVE, THIRTY + 3, SEVEN + 33),))
"""Begins between a step and its mail, and ends when the next step has been reached."""


@settings(deadline=None, max_examples=HISTORIES)
@example(history=BEFORE_ITS_MAIL, notifier_first=True)
@example(history=BEFORE_ITS_MAIL, notifier_first=False)
@given(
    history=st.lists(pauses(), max_size=6).map(lambda found: History(tuple(found))),
    notifier_first=st.booleans(),
)
def test_everybody_is_told_what_the_oracle_says(history: History, notifier_first: bool) -> None:
    assert Both(history, notifier_first).run() == oracle(history)
