"""By which edition of the time zone database instants were derived."""

from licet_chassis.migrations import run_chassis_schema

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_chassis_schema("0002")
