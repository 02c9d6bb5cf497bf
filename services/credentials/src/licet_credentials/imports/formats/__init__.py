"""How dates, numbers and truth values are written in a file, and how they are read."""
