"""Credentials: terms, runs, flags, validity, renewals, corrections."""
