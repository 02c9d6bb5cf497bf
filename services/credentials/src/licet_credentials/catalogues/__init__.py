"""Starter catalogues: real-world credential types by field of work, shipped as files, loaded on request."""
