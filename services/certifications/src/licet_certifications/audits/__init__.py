"""Audits: people confirm that the records of credentials are true, and the result is signed."""
