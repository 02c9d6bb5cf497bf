"""Gaps before they open: who will lose eligibility, when, and for want of what."""
