"""Who may do some work: candidates for a shift, and everybody's verdicts on a day."""
