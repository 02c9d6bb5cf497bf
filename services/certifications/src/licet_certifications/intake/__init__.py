"""The doors through which completions come in, and what each of them has in common with the others."""
