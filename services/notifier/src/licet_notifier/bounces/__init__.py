"""Bounces: delivery status notifications, and the addresses that are not used again because of them."""
