"""The topics of the contract. Retention and replication are in `deploy/topics.toml`."""

from enum import StrEnum


class Topic(StrEnum):
    """A topic by its name on Kafka."""

    HOLDERS = "licet.holders.v1"
    CATALOGUE = "licet.catalogue.v1"
    CREDENTIALS = "licet.credentials.v1"
    CERTIFICATIONS = "licet.certifications.v1"
    SCHEDULE = "licet.schedule.v1"
    ELIGIBILITY = "licet.eligibility.v1"
    NOTIFICATIONS = "licet.notifications.v1"
    SHIFTS = "licet.shifts.v1"
    COMPLETIONS = "licet.completions.v1"
    BOOKINGS = "licet.bookings.v1"

    @property
    def partitions(self) -> int:
        """How many partitions it has. Fixed for ever: another count would break the order per key."""
        return 1 if self is Topic.CATALOGUE else 12

    @property
    def compacted(self) -> bool:
        """Whether the last state of each key stays for ever, so that a new reader finds everything."""
        return self in {
            Topic.HOLDERS,
            Topic.CATALOGUE,
            Topic.CREDENTIALS,
            Topic.CERTIFICATIONS,
            Topic.ELIGIBILITY,
            Topic.SHIFTS,
        }

    @property
    def inbound(self) -> bool:
        """Whether other systems write it and Licet only reads it."""
        return self in {Topic.COMPLETIONS, Topic.BOOKINGS}

    @property
    def about(self) -> str:
        """What is on it."""
        return _WORDS[self][0]

    @property
    def record_key(self) -> str:
        """How its record keys are made."""
        return _WORDS[self][1]

    @property
    def kept(self) -> str:
        """How long a record stays."""
        if self.compacted:
            return "compacted: every event stays at least 7 days, the last state of each key for ever"
        return "kept for 90 days" if self is Topic.NOTIFICATIONS else "kept for 30 days"


_WORDS: dict[Topic, tuple[str, str]] = {
    Topic.HOLDERS: ("people and vendors that have credentials", "<holder>"),
    Topic.CATALOGUE: ("credential types, places, teams, requirements and programmes", "<kind>/<code or id>"),
    Topic.CREDENTIALS: ("the life of credentials", "<holder>/<credential> or <holder>/award/<id>"),
    Topic.CERTIFICATIONS: ("enrolments, waivers and audits", "<holder>/<kind>/<id> or <kind>/<id>"),
    Topic.SCHEDULE: ("what time brings: facts and notices", "<holder>/<credential>"),
    Topic.ELIGIBILITY: (
        "the timeline of each holder, target and location",
        "<holder>/<target>/<location or *>",
    ),
    Topic.NOTIFICATIONS: ("what was sent to whom, or not, and why", "<holder>"),
    Topic.SHIFTS: ("booked shifts that come at risk or are cleared", "<holder>/<shift>"),
    Topic.COMPLETIONS: (
        "completions from learning systems, inbound",
        "<learner's external id, e-mail or account>",
    ),
    Topic.BOOKINGS: (
        "shifts booked, changed and cancelled by scheduling platforms, inbound",
        "<holder's external id or id>",
    ),
}
