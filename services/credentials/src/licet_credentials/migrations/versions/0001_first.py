"""Holders, places, credential types, credentials, images, imports; and the chassis' own tables."""

from licet_chassis.migrations import run_chassis_schema, run_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_chassis_schema("0001")
    run_file(__file__)
