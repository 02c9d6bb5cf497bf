"""Starter catalogues: real-world credential types by field of work, loaded on request."""
