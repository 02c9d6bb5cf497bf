"""Statements of learning systems by xAPI, kept as they were sent; those that complete something count."""
