"""Rules that a role or a queue needs credential types."""
