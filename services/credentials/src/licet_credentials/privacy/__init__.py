"""What a person may ask for: a copy of everything about them, and to be erased."""
