"""The rules by which time brings events: which instants a state has, and what is announced of them when.

The scheduler decides by them, and the notifier foresees by them what will be announced. They are pure: a
state and an instant go in, decisions and events come out.
"""
