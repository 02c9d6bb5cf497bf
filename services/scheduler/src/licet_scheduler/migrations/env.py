"""Alembic's entry into the scheduler's migrations."""

from licet_chassis.migrations import run_environment

run_environment()
