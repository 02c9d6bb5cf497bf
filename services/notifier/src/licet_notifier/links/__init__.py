"""Links in mails: saying that a renewal is booked, and being reminded later."""
