"""Who may do which work, from when until when, and why."""
