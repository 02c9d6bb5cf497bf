"""Profiles: a holder with all credentials, and what each record lacks."""
