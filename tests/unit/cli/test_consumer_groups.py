"""The embedded run knows every consumer group: a relay waits for ever for one that is not there."""

from licet_certifications.consumers import FACTS
from licet_certifications.consumers import SCHEDULE as INSTANTS
from licet_certifications.intake.consumers import COMPLETIONS
from licet_certifications.shifts.consumer import BOOKINGS
from licet_cli.embedded.broker_room import CONSUMER_GROUPS
from licet_credentials.consumers import SCHEDULE, awards_consumer
from licet_notifier.consumers import notifier_consumer
from licet_notifier.notifications.model import Deployment
from licet_scheduler.consumers import STATES


def test_the_embedded_run_knows_the_consumer_groups_of_the_services():
    consumers = (
        ("credentials", SCHEDULE),
        ("credentials", awards_consumer("UTC")),
        ("certifications", FACTS),
        ("certifications", INSTANTS),
        ("certifications", BOOKINGS),
        ("certifications", COMPLETIONS),
        ("scheduler", STATES),
        ("notifier", notifier_consumer(Deployment("UTC", None))),
    )
    assert sorted(CONSUMER_GROUPS) == sorted(f"licet-{service}.{each.name}" for service, each in consumers)
