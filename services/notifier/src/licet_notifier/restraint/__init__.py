"""What restrains mails: quiet hours, days without mails, digests, and stops."""
