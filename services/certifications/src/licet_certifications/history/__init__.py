"""Answers for the past: what was known of a shift when it began, and what is known of it now."""
