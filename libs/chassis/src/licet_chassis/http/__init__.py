"""The HTTP edge that every service has: problems, tokens, writes, pages, health, metrics."""
