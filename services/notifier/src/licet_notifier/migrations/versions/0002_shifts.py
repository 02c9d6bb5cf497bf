"""Shifts at risk, and mails to supervisors about them."""

from licet_chassis.migrations import run_file

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_file(__file__)
