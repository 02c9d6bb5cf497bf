"""Awards of programmes: what a completed enrolment issues or renews."""
