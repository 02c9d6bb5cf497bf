"""Deriving the instants of terms and runs again by a newer edition of the time zone database."""
