"""The policy: who is told of what, as rules with versions."""
