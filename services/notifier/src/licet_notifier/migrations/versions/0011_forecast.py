"""What a forecast needs of credentials."""

from licet_chassis.migrations import run_file

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_file(__file__)
