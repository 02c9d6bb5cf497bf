"""One action on many credentials, as a job with a report for each."""
