"""Training demand: the seats that are needed so that nobody lapses, against sessions, and what they cost."""
