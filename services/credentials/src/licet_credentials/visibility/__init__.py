"""Visibility: which holders a token sees, by its teams and locations."""
