"""Why something that was announced may differ for a while from what is true, in words for people."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from licet_cli.embedded.state import SERVICES
from licet_cli.target import Target
from licet_events import Topic

_Work = tuple[tuple[str, str, str], ...]
"""Work of whole services that may have a missing event in it: where, under which name, in words."""
_OF_CREDENTIALS: _Work = (
    ("credentials", "outbox", "the scheduler may not know of it: events of credentials are not on Kafka yet"),
    ("scheduler", "lag", "the scheduler may not know of it: it has not read every event"),
    ("scheduler", "outbox", "an event of the scheduler is not on Kafka yet"),
    ("credentials", "lag", "events of the scheduler have not been read yet"),
    ("credentials", "waiting", "an event of the scheduler waits to be tried again"),
)
_OF_ENROLMENTS: _Work = (
    ("credentials", "outbox", "an event of credentials is not on Kafka yet"),
    ("certifications", "lag", "certifications has not read every event"),
    ("certifications", "waiting", "an event waits in certifications to be tried again"),
)
_OF_AWARDS: _Work = (
    ("certifications", "outbox", "an event of certifications is not on Kafka yet"),
    ("credentials", "lag", "credentials has not read every event"),
    ("credentials", "waiting", "an event waits in credentials to be tried again"),
)


class Explanations:
    """What is on its way in a deployment at this moment."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._scheduler = target.service("scheduler")
        self._now = datetime.fromisoformat(self._scheduler.get("/v1/work")["now"])
        self._parked = {
            (service, record["topic"], record["partition_key"])
            for service in ("credentials", "certifications")
            for record in target.service(service).items("/v1/parked")
        }
        self._pending = {name: target.service(name).get("/v1/work")["pending"] for name in SERVICES}

    def of_credential(self, difference: dict[str, Any]) -> str | None:
        """Return why a credential's announced validity may differ; `None` if nothing explains it."""
        holder_id = difference["holder_id"]
        if ("credentials", Topic.SCHEDULE, holder_id) in self._parked:
            return "an event of the scheduler is parked, see licet parked list"
        return next(self._overdue(difference["credential_id"]), None) or self._on_its_way(_OF_CREDENTIALS)

    def of_enrolment(self, difference: dict[str, Any]) -> str | None:
        """Return why an enrolment's announced status may differ."""
        if ("certifications", Topic.CREDENTIALS, difference["holder_id"]) in self._parked:
            return "an event of the credential is parked, see licet parked list"
        credential_id = difference["credential_id"]
        overdue = None if credential_id is None else next(self._overdue(credential_id), None)
        return overdue or self._on_its_way(_OF_ENROLMENTS) or self._on_its_way(_OF_CREDENTIALS)

    def of_award(self, award: dict[str, Any]) -> str | None:
        """Return why no credential has come back of an award."""
        decided = list(self._target.service("credentials").items("/v1/awards", id=award["award_id"]))
        if decided and decided[0]["outcome"] == "refused":
            return f"credentials refused it: {decided[0]['reason']}; a person has to decide what follows"
        if decided:
            if ("certifications", Topic.CREDENTIALS, award["holder_id"]) in self._parked:
                return "it was carried out, and the credential's event is parked, see licet parked list"
            return self._on_its_way(_OF_ENROLMENTS)
        if ("credentials", Topic.CERTIFICATIONS, award["holder_id"]) in self._parked:
            return "the award is parked in credentials, see licet parked list"
        return self._on_its_way(_OF_AWARDS)

    def _overdue(self, credential_id: str) -> Iterator[str]:
        for timer in self._scheduler.get("/v1/timers", credential_id=credential_id)["items"]:
            due_at = timer["due_at"]
            if due_at is not None and datetime.fromisoformat(due_at) <= self._now:
                yield f"its timer was due at {due_at} and is not worked off"

    def _on_its_way(self, work: _Work) -> str | None:
        return next((words for name, kind, words in work if self._pending[name].get(kind)), None)
