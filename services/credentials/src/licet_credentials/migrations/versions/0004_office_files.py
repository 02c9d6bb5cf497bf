"""How the files of imports are read: lines above the header, and what is uncertain."""

from licet_chassis.migrations import run_file

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_file(__file__)
