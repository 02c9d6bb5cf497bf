"""Checks of credentials against sources: noting them, reading them, and which have to be done again."""
