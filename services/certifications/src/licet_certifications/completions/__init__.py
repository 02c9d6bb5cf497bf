"""What learning systems report: completions, matched to learners."""
