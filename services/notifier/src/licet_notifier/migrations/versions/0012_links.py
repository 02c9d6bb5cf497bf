"""What recipients say by links in mails."""

from licet_chassis.migrations import run_file

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_file(__file__)
