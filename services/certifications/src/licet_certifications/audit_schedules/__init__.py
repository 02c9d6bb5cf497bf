"""Audits that recur: one is opened in each period of a rule."""
