"""What is due when, and what was decided when it came."""
