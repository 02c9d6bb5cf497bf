"""Waivers and overrides: who is released from which requirement, until when, and who decided it."""
