"""By which edition of the time zone database instants were derived."""

from licet_chassis.migrations import run_chassis_schema

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_chassis_schema("0002")
