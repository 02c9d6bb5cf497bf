"""The mails that the notifier sends, by the names that templates, policies and stops know them by."""

from typing import Final

from licet_notifier.facts.model import EnrolmentMail

OF_STEPS: Final = ("credential.expiring", "credential.expired", "credential.overdue")
"""Mails about a step or the end of a credential."""
OF_CREDENTIALS: Final = (*OF_STEPS, "credential.escalated")
"""The last goes to the next circle where nobody has acted on one of the others."""
OF_ENROLMENTS: Final = tuple(f"enrolment.{mail}" for mail in EnrolmentMail)
OF_SHIFTS: Final = ("shift.at_risk",)
DIGEST: Final = "digest"
"""Reminders of several credentials in one mail."""
EVENTS: Final = (*OF_CREDENTIALS, *OF_ENROLMENTS, *OF_SHIFTS, DIGEST)
