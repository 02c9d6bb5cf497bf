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
    COMPLETIONS = "licet.completions.v1"

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
        }
