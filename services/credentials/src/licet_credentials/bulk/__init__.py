"""Bulk actions: one action on many credentials, as a background job with a report."""
