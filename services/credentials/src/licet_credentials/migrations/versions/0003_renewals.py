"""Rules for late renewals, month ends, birthdays and ages; the holder's date of birth."""

from licet_chassis.migrations import run_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_file(__file__)
