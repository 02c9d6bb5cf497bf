"""Trying a change before it is made: who could work no longer, from when on and why."""
