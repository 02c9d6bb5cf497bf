"""What a user does with the credentials service while it may be killed, and what must have come of it."""

import asyncio
import io
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

import httpx
from PIL import Image

from licet_events import Event, encode
from licet_events.enrolments import (
    AwardState,
    CertificationAwarded,
    EnrolmentKind,
    EnrolmentStage,
    EnrolmentState,
    EnrolmentStatus,
)
from licet_events.ids import derived_id
from support.consuming import send

_COMMAND = frozenset(
    {
        "write.begun", "credentials.saved", "outbox.appended", "write.done", "write.committed",
        "relay.read", "relay.sent", "relay.deleted",
    }
)  # fmt: skip
IN_CERTIFICATIONS = frozenset({"completions.saved", "enrolments.saved"})
"""Failpoints of the certifications service; `test_awards.py` has it killed there."""
MAPPING = """
date_formats = ["%Y-%m-%d"]
[holder]
kind = "employee"
external_id = { column = "person" }
name = { column = "person" }
[type]
code = { column = "type" }
name = { column = "type" }
category = "license"
[credential]
number = { column = "number" }
[term]
key = { column = "number" }
valid_from = { column = "from" }
expires_on = { column = "to" }
"""


@dataclass
class Attempt:
    """One thing that a user wants done, sent with one `Idempotency-Key` however often it is sent."""

    client: Callable[..., httpx.Client]
    kafka: Any
    """The broker, as `support.consuming.send` takes it."""
    tag: str
    holder: str
    credential: str

    def send(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Send the request; the key is the attempt's."""
        with self.client(**{"Idempotency-Key": self.tag}) as http:
            answer = http.request(method, path, **content)
            answer.raise_for_status()
            return answer

    def get(self, path: str, **query: Any) -> Any:
        """Return what a GET shows."""
        with self.client() as http:
            answer = http.get(path, params=query)
            answer.raise_for_status()
            return answer.json()


def attempt(client: Callable[..., httpx.Client], kafka: Any, tag: str) -> Attempt:
    """Return an attempt with a holder and a credential of its own."""
    with client() as http:

        def made(path: str, **body: Any) -> str:
            answer = http.post(path, json=body)
            answer.raise_for_status()
            return str(answer.json()["id"])

        http.post("/credential-types", json={"code": "licence", "name": "Licence", "category": "license"})
        holder = made("/holders", kind="employee", name=f"Holder {tag}")
        licence = {"type": "licence", "number": f"base-{tag}", "expires_on": "2030-12-31"}
        return Attempt(client, kafka, tag, holder, made("/credentials", holder_id=holder, **licence))


class Scenario(ABC):
    """A command and its effect."""

    places: ClassVar[frozenset[str]]
    """The failpoints that are on its way."""

    def prepare(self, attempt: Attempt) -> None:  # noqa: B027  # most need nothing
        """Do what has to be there before."""

    @abstractmethod
    def do(self, attempt: Attempt) -> None:
        """Ask for it and wait for its end; raises an HTTP error where the service dies meanwhile."""

    @abstractmethod
    def check(self, attempt: Attempt) -> None:
        """Fail unless it was done exactly once."""


class Create(Scenario):
    """Recording a credential."""

    places = _COMMAND

    def do(self, attempt: Attempt) -> None:
        body = {"holder_id": attempt.holder, "type": "licence", "number": attempt.tag}
        attempt.send("POST", "/credentials", json={**body, "expires_on": "2031-06-30"})

    def check(self, attempt: Attempt) -> None:
        held = attempt.get("/credentials", holder_id=attempt.holder)["items"]
        assert sorted(each["number"] for each in held) == sorted([attempt.tag, f"base-{attempt.tag}"])


class Renew(Scenario):
    """Renewing one."""

    places = _COMMAND

    def do(self, attempt: Attempt) -> None:
        attempt.send("POST", f"/credentials/{attempt.credential}/renewals", json={"expires_on": "2032-12-31"})

    def check(self, attempt: Attempt) -> None:
        terms = attempt.get(f"/credentials/{attempt.credential}/terms")["items"]
        assert [term["expires_on"] for term in terms] == ["2030-12-31", "2032-12-31"]


def uploaded(attempt: Attempt) -> Any:
    """Upload a scan of the attempt's own and return what is shown of it."""
    scan = io.BytesIO()
    Image.new("RGB", (320, 200), (90, 40, 200)).save(scan, "JPEG", comment=attempt.tag.encode())
    path = f"/credentials/{attempt.credential}/images"
    return attempt.send("POST", path, files={"file": ("scan.jpg", scan.getvalue(), "image/jpeg")}).json()


class Upload(Scenario):
    """Uploading a scan."""

    places = frozenset(
        {
            "images.upload.wanted", "images.upload.original_stored", "images.upload.display_stored",
            "images.upload.thumbnail_stored", "write.begun", "write.done", "write.committed",
        }
    )  # fmt: skip

    def do(self, attempt: Attempt) -> None:
        uploaded(attempt)

    def check(self, attempt: Attempt) -> None:
        [image] = attempt.get(f"/credentials/{attempt.credential}")["images"]
        with attempt.client() as http:
            for rendition in ("display", "thumbnail", "original"):
                lead = http.get(f"/credentials/{attempt.credential}/images/{image['id']}/{rendition}")
                assert httpx.get(lead.headers["Location"]).status_code == 200


class Delete(Scenario):
    """Deleting a scan, until its objects are gone."""

    places = frozenset({"images.collecting.marked", "images.collecting.removed", "write.committed"})

    def prepare(self, attempt: Attempt) -> None:
        uploaded(replace(attempt, tag=f"{attempt.tag}-upload"))

    def do(self, attempt: Attempt) -> None:
        for image in attempt.get(f"/credentials/{attempt.credential}")["images"]:
            path = f"/credentials/{attempt.credential}/images/{image['id']}"
            attempt.send("DELETE", path, params={"reason": "wrong_file"})

    def check(self, attempt: Attempt) -> None:
        assert attempt.get(f"/credentials/{attempt.credential}")["images"] == []


class Import(Scenario):
    """Importing a file of three people with two licences each."""

    places = frozenset(
        {
            "write.begun", "write.done", "write.committed", "imports.file_staged", "imports.batch_written",
            "imports.batch_committed", "relay.read", "relay.sent", "relay.deleted",
        }
    )  # fmt: skip

    def do(self, attempt: Attempt) -> None:
        rows = [
            f"{attempt.tag}-{person},licence,{attempt.tag}-{person}-{number},2024-01-01,2030-12-31"
            for person in range(3)
            for number in range(2)
        ]
        content = "\n".join(["person,type,number,from,to", *rows, ""])
        sent = attempt.send(
            "POST", "/imports", data={"mapping": MAPPING}, files={"file": ("a.csv", content, "text/csv")}
        ).json()
        while sent["state"] in {"queued", "running"}:
            time.sleep(0.05)
            sent = attempt.get(f"/imports/{sent['id']}")
        assert sent["state"] == "finished", sent

    def check(self, attempt: Attempt) -> None:
        held = attempt.get("/credentials", q=f"{attempt.tag}-", limit=100)["items"]
        numbers = sorted(each["number"] for each in held if each["number"].startswith(attempt.tag))
        assert numbers == sorted(
            f"{attempt.tag}-{person}-{number}" for person in range(3) for number in range(2)
        )


class Bulk(Scenario):
    """Renewing three at once."""

    places = frozenset(
        {"bulk.credential_written", "bulk.credential_committed", "credentials.saved", "outbox.appended"}
    )

    def prepare(self, attempt: Attempt) -> None:
        for number in range(2):
            body = {"holder_id": attempt.holder, "type": "licence", "number": f"{attempt.tag}-{number}"}
            more = replace(attempt, tag=f"{attempt.tag}-{number}")
            more.send("POST", "/credentials", json={**body, "expires_on": "2030-12-31"})

    def do(self, attempt: Attempt) -> None:
        asked = {"renew": {"expires_on": "2032-12-31"}, "filter": {"holder_id": attempt.holder}}
        sent = attempt.send("POST", "/credentials/bulk", json=asked).json()
        while sent["state"] == "running":
            time.sleep(0.05)
            sent = attempt.get(f"/credentials/bulk/{sent['id']}")
        assert (sent["state"], sent["counts"]["done"]) == ("finished", 3), sent

    def check(self, attempt: Attempt) -> None:
        for each in attempt.get("/credentials", holder_id=attempt.holder)["items"]:
            terms = attempt.get(f"/credentials/{each['id']}/terms")["items"]
            assert [term["expires_on"] for term in terms] == ["2030-12-31", "2032-12-31"]


class CarryOutAward(Scenario):
    """Carrying out an award, which comes from a topic and comes again after the service was killed."""

    places = frozenset(
        {
            "credentials.saved", "outbox.appended", "credentials.award_decided", "relay.read", "relay.sent",
            "relay.deleted",
        }
    )  # fmt: skip

    def do(self, attempt: Attempt) -> None:
        enrolment_id = derived_id("enrolment", attempt.tag)
        now = datetime.now(UTC)
        award = AwardState(
            id=AwardState.id_of(enrolment_id), enrolment_id=enrolment_id, holder_id=UUID(attempt.holder),
            credential_type="licence", completed_on=now.date(), time_zone="UTC", awarded_at=now,
        )  # fmt: skip
        state = EnrolmentState(
            id=enrolment_id, version=5, holder_id=award.holder_id, programme="lifting", programme_version=1,
            kind=EnrolmentKind.FIRST, stage=EnrolmentStage.COMPLETED, status=EnrolmentStatus.ACTIVE,
            award=award, opened_at=now, opened_by="user:x", created_at=now, updated_at=now,
        )  # fmt: skip
        # Each time under another event id, as a snapshot would tell it: only the award's id says that it is
        # the same.
        event = Event.of(
            CertificationAwarded(enrolment=state, award=award), source="/licet/certifications", time=now,
            recorded_time=now, correlation_id=attempt.tag,
        )  # fmt: skip
        asyncio.run(send(attempt.kafka, encode(event)))
        deadline = time.monotonic() + 60
        while not attempt.get("/awards", id=str(award.id))["items"]:
            assert time.monotonic() < deadline, "the award was not carried out within a minute"
            time.sleep(0.05)

    def check(self, attempt: Attempt) -> None:
        [decided] = attempt.get("/awards", holder_id=attempt.holder)["items"]
        assert decided["outcome"] == "issued"
        held = attempt.get("/credentials", holder_id=attempt.holder)["items"]
        assert {each["id"] for each in held} == {attempt.credential, decided["credential_id"]}
        [term] = attempt.get(f"/credentials/{decided['credential_id']}/terms")["items"]
        assert term["id"] == decided["term_id"]


SCENARIOS: dict[str, Scenario] = {
    "award": CarryOutAward(),
    "create": Create(),
    "renew": Renew(),
    "upload": Upload(),
    "delete": Delete(),
    "import": Import(),
    "bulk": Bulk(),
}
