"""Codes of types, places, roles and queues are the same in whatever case."""

from licet_chassis.migrations import run_file

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_file(__file__)
