"""What mail servers said, attempts that count for nothing, mails that were sent again."""

from licet_chassis.migrations import run_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_file(__file__)
