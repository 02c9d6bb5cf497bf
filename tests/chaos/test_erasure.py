"""One person is planted everywhere a person can get to, and erased; then everything is searched.

What is not searched: caught mails, which stand for what recipients have in their mailboxes, and the files
of PostgreSQL, where deleted rows lie until they are vacuumed. The embedded broker compacts nothing, so a
compacted topic is searched as compaction would leave it; `tests/integration/cli/test_compaction.py` lets
Apache Kafka do it.
"""

import asyncio
import csv
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import asyncpg
import pytest
from PIL import Image

from e2e.conftest import World
from licet_cli.embedded.state import SERVICES
from licet_cli.target import open_target
from licet_events import Event, Topic, encode
from licet_events.partition import partition_for
from licet_events.schedule import CredentialExpiring
from support.consuming import producing
from support.running import Run, eventually
from support.searching.files import search_files
from support.searching.tables import Found, search_database
from support.searching.topics import compacted, read_topics, search_records
from unit.credentials.pictures import picture, saved

pytestmark = [
    pytest.mark.timeout(600),  # four starts of a run with data, two of them from a copy
    pytest.mark.only_on("mock"),
]

PERSON = {
    "name": "Zerlina Quastelhuber",
    "email": "zerlina@quastelhuber.test",
    "phone": "+49 30 5550199 77",
    "external_id": "QHR-770013",
    "attributes": {"remark": "red bicycle of Zerlina"},
}
NUMBER, OLD_NUMBER = "ZQ-4711-XK", "ZQ-0815-YK"
NOTE = "limps since the autumn of 2019"
FIELD = "Quastelhuber Motors insures"
ARTIST = "photographed by Quirin Quastelhuber"
MISTYPED = "31.02.2027 said Zerlina Q."
TEXTS = (
    *(text for text in PERSON.values() if isinstance(text, str)),
    "red bicycle of Zerlina", NUMBER, OLD_NUMBER, NOTE, FIELD, ARTIST, MISTYPED,
)  # fmt: skip
COLUMNS = (
    "ID", "ACCOUNT NUMBER", "LEGAL NAME", "LICENSE CODE", "LICENSE DESCRIPTION", "LICENSE NUMBER",
    "LICENSE TERM START DATE", "LICENSE TERM EXPIRATION DATE", "DATE ISSUED", "LICENSE STATUS",
    "LICENSE STATUS CHANGE DATE",
)  # fmt: skip


@dataclass
class Planted:
    """A run in which a person has been everywhere."""

    run: Run
    data: Path
    backup: Path
    temporary: Path
    """Where every process of the run keeps what it needs for a moment."""
    person: Any
    credential: Any
    found_before: list[Found]
    """Where the person was."""
    erased: dict[str, Any]
    """The list of the erased, as it was kept beside the backup."""

    def search(self) -> list[Found]:
        """Search everything that the run keeps."""
        return [*asyncio.run(search_databases(self.run)), *self.search_topics(), *self.search_disk()]

    def search_topics(self) -> list[Found]:
        """Search the topics: those that are compacted as compaction will leave them."""
        records = asyncio.run(read_topics(self.run.state["kafka"]["url"]))
        kept = [each for each in records if not Topic(each.topic).compacted]
        folded = compacted(each for each in records if Topic(each.topic).compacted)
        return search_records([*kept, *folded], TEXTS)

    def search_disk(self) -> list[Found]:
        """Search logs, temporary files and stored objects."""
        without = (self.data / "postgres", self.data / "mail", self.backup, self.run.directory / "planted")
        return [
            *search_files(self.run.directory, TEXTS, without=without),
            *search_files(self.temporary, TEXTS),
        ]


async def search_databases(run: Run) -> list[Found]:
    url = run.state["database"]["url"].rsplit("/", 1)[0]
    found = []
    for service in SERVICES:
        conn = await asyncpg.connect(f"{url}/licet_{service}")
        try:
            found += await search_database(conn, TEXTS)
        finally:
            await conn.close()
    return found


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    directory = tmp_path_factory.mktemp("erasure")
    data, backup = directory / "data", directory / "backup"
    run = Run(directory, "--data", str(data))
    with TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o711)  # the database's user passes through it
        run.environment["TMPDIR"] = temporary
        yield from _planted(run, data, backup, Path(temporary))


def _planted(run: Run, data: Path, backup: Path, temporary: Path) -> Iterator[Planted]:
    with run.up(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("LICET_RUN_DIR", run.environment["LICET_RUN_DIR"])
        with open_target() as target:
            world = World(run, target)
            person, credential = plant(world)
            world.quiet()
        here = Planted(run, data, backup, temporary, person, credential, [], {})
        here.found_before = here.search()
        run.cli("down").good()
        copy_as_it_is(data, backup)
        run.start()
        yield here


def copy_as_it_is(directory: Path, to: Path) -> None:
    """Copy a directory with the owners of its files; the database's may be another user's."""
    subprocess.run(["cp", "-a", str(directory), str(to)], check=True)


def plant(world: World) -> tuple[Any, Any]:
    """Bring a person to every place to which one can come by."""
    service = world.target.service("credentials")
    key = {"Idempotency-Key": uuid4().hex}
    manager = world.holder("Moritz Manager", email="moritz@example.test")
    body = {
        **PERSON,
        "kind": "employee",
        "time_zone": "UTC",
        "roles": ["driver"],
        "manager_id": manager["id"],
    }
    person = service.send("POST", "/v1/holders", json=body, headers=key).json()
    world.holder("Rosa Report", manager_id=person["id"])
    service.put("/v1/teams/quastel", {"name": "Team", "supervisor_ids": [person["id"]]})
    world.type("permit", ladder=[30, 0])
    world.requirement("role:driver", "permit")
    credential = world.credential(
        person, "permit", number=OLD_NUMBER, notes=NOTE, issuer=FIELD, valid_from=world.day(-100),
        expires_on=world.day(20),
    )  # fmt: skip
    world.act(credential, "suspend", reason="not_paid", note=NOTE)
    world.act(credential, "reinstate", reason="paid", note=NOTE)
    scan = service.send(
        "POST", f"/v1/credentials/{credential['id']}/images",
        files={"file": (f"{PERSON['name']}.jpg", scanned())},
    ).json()  # fmt: skip
    service.send("GET", f"/v1/credentials/{credential['id']}/images/{scan['id']}/original")
    world.quiet()
    world.run.cli("export", person["id"], "--to", str(planted_files(world) / "copy.zip")).good()
    bring_in(world)
    # Mails leave by day, and the file has moved the holder to Chicago: at 20:00 UTC it is day there too,
    # whenever this runs. The reminder of the step of 30 days is due since it was recorded.
    world.move((world.now + timedelta(days=1)).replace(hour=20, minute=0, second=0, microsecond=0))
    assert world.mails(str(PERSON["email"]))
    renewal = {
        "expires_on": world.day(400),
        "number": NUMBER,
        "notes": NOTE,
        "force": True,
        "reason": "early",
    }
    world.act(credential, "renewals", **renewal)
    world.quiet()
    asyncio.run(send_what_gets_stuck(world, person))
    return person, credential


def planted_files(world: World) -> Path:
    directory = world.run.directory / "planted"
    directory.mkdir(exist_ok=True)
    return directory


def scanned() -> bytes:
    """A photograph that says who made it."""
    exif = Image.Exif()
    exif[0x013B] = ARTIST
    return saved(picture(640, 480), "JPEG", exif=exif)


def bring_in(world: World) -> None:
    """Import a row of the person that is good, one that is not, and one of nobody who can be told."""
    file = planted_files(world) / f"{PERSON['name']}.csv"
    who = [PERSON["external_id"], PERSON["name"], "1010", "Shop"]
    rows = [
        ["q-1", *who, "ZQ-0001", "01/01/2020", "12/31/2020", "01/02/2020", "AAI", ""],
        ["q-2", *who, "ZQ-0002", "01/01/2020", MISTYPED, "01/02/2020", "AAI", ""],
        ["q-3", "", PERSON["name"], "1010", "Shop", "ZQ-0003", "01/01/2020", "12/31/2020", "", "AAI", ""],
    ]
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([COLUMNS, *rows])
    told = world.run.cli("import", str(file), "--mapping", "chicago", cwd=planted_files(world))
    assert told.code == 1, told  # rows were rejected


async def send_what_gets_stuck(world: World, person: Any) -> None:
    """Have a record of the person parked, and one wait for a credential that nobody knows."""
    kafka = world.run.state["kafka"]["url"]
    event = Event.of(
        CredentialExpiring(
            credential_id=uuid4(), holder_id=person["id"], credential_version=9, at=world.now, notify=True,
            step=30, days_left=30, expires_on=world.now.date(), time_zone="UTC",
        ),
        source="/licet/scheduler", time=world.now, recorded_time=world.now, correlation_id="planted",
    )  # fmt: skip
    waits = encode(event)
    broken = json.dumps({"holder": {"id": person["id"], "name": PERSON["name"], "version": "?"}}).encode()

    class Kafka:
        bootstrap = kafka

    async with producing(Kafka) as producer:
        for topic, key, headers, value in (
            (waits.topic, waits.key, list(waits.headers), waits.value),
            (Topic.HOLDERS, person["id"].encode(), poisoned(waits.headers), broken),
        ):
            await producer.send_and_wait(
                topic, value, key=key, headers=headers, partition=partition_for(person["id"], 12)
            )

    def stuck() -> bool:
        parked = [list(world.target.service(name).items("/v1/parked")) for name in SERVICES[1:]]
        return all(parked)

    await asyncio.to_thread(eventually, stuck)


def poisoned(headers: Any) -> list[tuple[str, bytes]]:
    """Headers of a holder's event, for a value that is none."""
    said = {"ce_type": b"licet.holder.updated.v1", "ce_id": str(uuid4()).encode()}
    return [(name, said.get(name, value)) for name, value in headers]


def test_the_person_was_in_every_store_before_the_erasure(planted: Planted) -> None:
    """Else the search would find nothing for the wrong reason."""
    places = {
        found.where.rpartition("/")[2] if "/" in found.where else found.where
        for found in planted.found_before
    }
    tables = {place for place in places if place.startswith("licet_")}
    assert tables >= {
        "licet_credentials.holders", "licet_credentials.credentials", "licet_credentials.terms",
        "licet_credentials.flags", "licet_credentials.credential_history", "licet_credentials.import_rows",
        "licet_credentials.idempotency", "licet_credentials.imports", "licet_notifier.holders",
        "licet_notifier.credentials", "licet_notifier.parked", "licet_certifications.parked",
        "licet_scheduler.parked",
    }  # fmt: skip
    assert {found.text for found in planted.found_before} >= {*TEXTS} - {OLD_NUMBER}
    assert any(found.text == ARTIST and "objects" in found.where for found in planted.found_before)


def test_no_store_holds_anything_of_an_erased_person(planted: Planted, tmp_path: Path) -> None:
    run, person = planted.run, planted.person
    dry = run.cli("erase", person["id"], "--dry-run").good()
    assert "images" in dry.out
    assert planted.search() != []
    done = run.cli("erase", person["id"], "--json").good()
    assert [item["holder_id"] for item in done.json["items"]] == [person["id"]]
    assert done.json["items"][0]["confirmed_by"] == sorted(SERVICES)
    assert done.json["open"] == []
    assert planted.search() == []
    planted.erased = run.cli("erase", "--status", "--json").good().json
    # Again: nothing to do, and everybody has confirmed.
    run.cli("erase", person["id"]).good()
    assert run.cli("erase", str(uuid4())).code == 1


def test_the_last_record_of_every_key_of_the_person_is_a_tombstone(planted: Planted) -> None:
    records = asyncio.run(read_topics(planted.run.state["kafka"]["url"]))
    hers = [each for each in records if (each.key or b"").decode().partition("/")[0] == planted.person["id"]]
    left = compacted(each for each in hers if Topic(each.topic).compacted)
    assert [(each.topic, each.key) for each in left] == []
    assert any(each.topic == Topic.HOLDERS and each.value is None for each in hers)


def test_after_an_older_backup_was_restored_erasures_are_repeated(planted: Planted, tmp_path: Path) -> None:
    run = planted.run
    ids = tmp_path / "erased.json"
    ids.write_text(json.dumps(planted.erased))
    run.cli("down").good()
    shutil.rmtree(planted.data)
    copy_as_it_is(planted.backup, planted.data)
    run.start()
    assert planted.search() != []  # the older state has the person
    assert run.cli("erase", "--status").good().out.strip() == "Nobody is erased."
    run.cli("erase", "--reapply", "--from", str(ids)).good()
    assert planted.search() == []


def test_the_export_of_the_person_included_every_service(planted: Planted) -> None:
    copy = planted.run.directory / "planted" / "copy.zip"
    assert copy.stat().st_mode & 0o077 == 0
    with ZipFile(BytesIO(copy.read_bytes())) as archive:
        names = set(archive.namelist())
        document = json.loads(archive.read("data.json"))
        kept = {name: json.loads(archive.read(f"{name}.json")) for name in SERVICES[1:]}
    assert {"data.json", "certifications.json", "scheduler.json", "notifier.json"} <= names
    assert document["holders"][0]["name"] == PERSON["name"]
    assert kept["certifications"][0]["intervals"]
    assert kept["scheduler"][0]["credential_id"] == planted.credential["id"]
