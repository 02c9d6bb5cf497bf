"""How the dates of a file were found to be written; whether its cells have types."""

from licet_chassis.migrations import run_file

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_file(__file__)
