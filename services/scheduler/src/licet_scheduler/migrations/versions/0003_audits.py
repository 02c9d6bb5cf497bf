"""Timers of what is about no single holder."""

from licet_chassis.migrations import run_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_file(__file__)
