"""History: terms in all revisions, credentials as of a day, and every change with its reason."""
