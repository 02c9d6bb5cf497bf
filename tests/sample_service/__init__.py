"""A service as small as one can be, to try what the chassis makes of it as a process."""
