"""Alembic's entry into the migrations of certifications."""

from licet_chassis.migrations import run_environment

run_environment()
