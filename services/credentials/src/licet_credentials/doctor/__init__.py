"""What does not agree: validity as it was announced, and as it follows from terms and flags."""
