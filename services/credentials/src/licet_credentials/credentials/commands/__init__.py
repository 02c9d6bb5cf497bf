"""Commands on a credential: each takes a transaction and `now`, and never commits."""
