"""Credentials whose `expiring` begins later, since steps in the first tenth of a term are not told."""

from licet_chassis.migrations import run_file

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_file(__file__)
