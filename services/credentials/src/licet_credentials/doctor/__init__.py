"""Consistency check: announced validity against that computed from terms and flags."""
