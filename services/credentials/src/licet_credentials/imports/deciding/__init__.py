"""Deciding, without I/O, what the rows of one credential change."""
