"""The words of mails, as data: variants by language, recipient, type and steps, and their versions."""
