"""Templates and the policy as data; what choosing them rests on."""

from licet_chassis.migrations import run_file

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_file(__file__)
