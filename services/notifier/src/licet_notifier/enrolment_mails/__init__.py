"""Mails about enrolments: what was decided, what may begin, and what is due soon."""
