"""Alembic's entry: the chassis connects, locks and migrates."""

from licet_chassis.migrations import run_environment

run_environment()
