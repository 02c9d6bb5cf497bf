"""Comparison forms of numbers, words and names: unique, searched and sorted as people take them."""

from licet_chassis.migrations import run_file

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_file(__file__)
