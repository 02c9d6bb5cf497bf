"""Booked shifts of scheduling platforms, and whether their holders may still work them."""
