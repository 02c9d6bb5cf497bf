"""Holders: the people and vendors that have credentials."""
