"""Credential types: the catalogue entries and their rules."""
