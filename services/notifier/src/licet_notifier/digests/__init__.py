"""Digests: reminders gathered in one mail to a recipient."""
