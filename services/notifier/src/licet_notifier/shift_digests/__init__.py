"""Mails to supervisors about booked shifts at risk: a digest a day, at once for a shift that is near."""
