"""Merging two records of one person or vendor: the duplicate leads to the survivor for good."""
