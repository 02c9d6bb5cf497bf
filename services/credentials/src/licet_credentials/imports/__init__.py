"""Imports: a CSV file becomes holders, credentials and terms by a declared mapping."""
