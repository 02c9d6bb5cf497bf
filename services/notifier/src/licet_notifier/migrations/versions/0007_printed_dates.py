"""Printed dates: how the end of each run is printed and meant."""

from licet_chassis.migrations import run_file

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_file(__file__)
