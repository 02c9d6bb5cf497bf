"""Whose people a token sees: those of its teams and locations, or everyone."""
