"""Targets whatever the case of their codes, and comparison forms of external ids."""

from licet_chassis.migrations import run_file

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_file(__file__)
