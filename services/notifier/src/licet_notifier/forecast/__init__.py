"""Foresees which mails will go to whom on which day, if nothing changes."""
