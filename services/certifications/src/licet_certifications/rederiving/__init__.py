"""What is derived again when a newer edition of the time zone database is installed."""
