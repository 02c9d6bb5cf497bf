"""Printed dates: how a type's expiry date is meant, and terms of which only the month is known."""

from licet_chassis.migrations import run_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_file(__file__)
