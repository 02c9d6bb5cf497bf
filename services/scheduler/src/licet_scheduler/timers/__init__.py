"""Timers: when each credential and enrolment is due, and what was decided then."""
