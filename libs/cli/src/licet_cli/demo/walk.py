"""The walk through all steps of the demonstration."""

from collections.abc import Callable

from licet_cli.demo import licences, oversight, programme, shifts
from licet_cli.demo.story import Story
from licet_cli.target import Target


def run(target: Target, tell: Callable[[str], None]) -> None:
    """Run every step; raises `FellShort` at the first that does not bring what it promises."""
    story = Story(target, tell)
    for step in (*licences.STEPS, *shifts.STEPS, *programme.STEPS, *oversight.STEPS):
        tell(f"{step.__doc__}")
        step(story)
    tell("Every step brought what it promises.")
