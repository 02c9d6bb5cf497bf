"""Awards of programmes: a completed enrolment issues or renews a credential."""
