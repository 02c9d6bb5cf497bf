"""Use cases of enrolments: each takes a transaction and `now`, and never commits."""

from licet_certifications.enrolments.commands.deciding import decide, move_to_version, reconsider
from licet_certifications.enrolments.commands.desk import Act
from licet_certifications.enrolments.commands.entering import open_enrolment
from licet_certifications.enrolments.commands.erasing import forget_holder
from licet_certifications.enrolments.commands.following import award_refused, follow_credentials
from licet_certifications.enrolments.commands.merging import lead_on
from licet_certifications.enrolments.commands.reading import (
    Shown,
    enrolment_snapshots,
    read,
    read_plan,
    require_seen,
)
from licet_certifications.enrolments.commands.rederiving import derive_enrolments
from licet_certifications.enrolments.commands.timing import deadline_reached, window_opened

__all__ = [
    "Act",
    "Shown",
    "award_refused",
    "deadline_reached",
    "decide",
    "derive_enrolments",
    "enrolment_snapshots",
    "follow_credentials",
    "forget_holder",
    "lead_on",
    "move_to_version",
    "open_enrolment",
    "read",
    "read_plan",
    "reconsider",
    "require_seen",
    "window_opened",
]
