from licet_chassis.migrations import run_chassis_schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_chassis_schema("0001")
    run_chassis_schema("0002")
