"""Certification schemes: programmes and their versions."""
