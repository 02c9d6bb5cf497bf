from licet_chassis.migrations import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_sql(
        "create table effects (event_id uuid); create table ticks (at timestamptz); create sequence calls;"
        "select pg_sleep(0.5)"
    )
