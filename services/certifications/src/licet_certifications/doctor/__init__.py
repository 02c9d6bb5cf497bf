"""Consistency check: announced statuses of enrolments against those computed, and awards not carried out."""
