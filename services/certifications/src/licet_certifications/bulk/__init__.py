"""One action on many, with a report for each: enrolling holders, or moving enrolments to a version."""
