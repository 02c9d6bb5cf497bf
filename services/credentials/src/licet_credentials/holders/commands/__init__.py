"""Commands on holders: each takes a transaction and `now`, and never commits."""
