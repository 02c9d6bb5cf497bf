"""The commands of `licet`, one module a group."""
