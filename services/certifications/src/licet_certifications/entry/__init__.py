"""Enrolment by rule: whoever gains a role, a queue or a credential type that a programme names."""
