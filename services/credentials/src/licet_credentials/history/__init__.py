"""What was, and what was believed: terms in all their revisions, and every change with its reason."""
