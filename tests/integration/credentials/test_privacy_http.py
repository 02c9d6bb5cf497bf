"""A copy of everything about a person, and nothing left of one who is erased."""

import asyncio
import io
import json
from typing import Any
from uuid import UUID, uuid4
from zipfile import ZipFile

import asyncpg
import pytest

from licet_credentials.images.collecting import Collecting
from licet_credentials.settings import Settings
from licet_credentials.snapshots import SNAPSHOTS
from licet_events import Topic
from licet_events.credentials import CredentialMoved
from licet_events.holders import HolderErased, HolderUpdated
from support.consuming import until
from support.searching.tables import search_database, tables_of
from unit.credentials.pictures import picture, with_gps

from .conftest import ALL_SCOPES, NOW, awarded, made, objects

NAME, EMAIL, PHONE, EXTERNAL = "Zerlina Quastel", "zerlina@quastel.test", "+49 30 5550199", "HR-77001"
NUMBER, OLD_NUMBER, NOTE, ATTRIBUTE = "ZQ-4711-X", "ZQ-0815-Y", "limps since the fall of 2019", "red bicycle"
BORN = "1931-07-23"
PLANTED = (NAME, EMAIL, PHONE, EXTERNAL, NUMBER, OLD_NUMBER, NOTE, ATTRIBUTE, BORN)

PERSONS = {
    "holders", "holder_history", "holder_copies", "credentials", "terms", "runs", "register", "flags",
    "images", "image_views", "verifications", "credential_history", "import_staged", "import_rows",
    "import_numbers", "import_managers", "import_chunks", "bulk_rows", "awards",
}  # fmt: skip
"""Tables of what is about persons; see licet_credentials/privacy/queries.sql."""
LINKS = {"bulks", "imports", "import_effects", "image_objects", "locations", "teams"}
"""Tables that name persons by id only, or from which a person's text is taken out."""
STAYS = {"erasures", "erased_events", "erased_objects", "erased_holders"}
"""Tables of what stays of the erased."""
CHASSIS = {"outbox", "inbox", "parked", "waiting", "progress", "business_clock", "idempotency"}
NOBODYS = {"credential_types", "credential_type_names", "replannings", "alembic_version", "time_zones"}

WAITING = "pg_locks where locktype = 'advisory' and not granted"


@pytest.fixture
def settings(stored_settings: Settings) -> Settings:
    return stored_settings


async def posted(http: Any, path: str, body: Any = None, *, status: int = 200, **options: Any) -> Any:
    answer = await http.post(f"/v1/{path}", json=body, **options)
    assert answer.status_code == status, answer.text
    return answer.json()


async def sent(http: Any, credential: Any, content: bytes) -> Any:
    answer = await http.post(
        f"/v1/credentials/{credential['id']}/images",
        files={"file": ("scan.jpg", content)},
        headers={"Idempotency-Key": uuid4().hex},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def original(credential: Any, image: Any) -> str:
    return f"/v1/credentials/{credential['id']}/images/{image['id']}/original"


@pytest.fixture
def http(http, issuer):
    http.headers["Authorization"] = f"Bearer {issuer.token(scope=f'{ALL_SCOPES} operations:read')}"
    return http


@pytest.fixture
async def person(http: Any, licence: Any) -> Any:
    return await posted(
        http, "holders",
        {"kind": "employee", "name": NAME, "email": EMAIL, "phone": PHONE, "external_id": EXTERNAL,
         "attributes": {"remark": ATTRIBUTE}, "birth_date": BORN},
        status=201, headers={"Idempotency-Key": "entered"},
    )  # fmt: skip


@pytest.fixture
async def hers(http: Any, person: Any) -> Any:
    """A credential with a history: flags, a check, a scan that somebody looked at, another number before."""
    credential = await posted(
        http, "credentials",
        {"holder_id": person["id"], "type": "licence", "number": OLD_NUMBER, "notes": NOTE,
         "valid_from": "2026-01-01", "expires_on": "2026-06-30", "time_zone": "Europe/Berlin"},
        status=201, headers={"Idempotency-Key": "recorded"},
    )  # fmt: skip
    path = f"credentials/{credential['id']}"
    await posted(http, f"{path}/suspend", {"reason": "not_paid", "note": NOTE})
    await posted(http, f"{path}/reinstate", {"reason": "paid", "note": NOTE})
    await posted(
        http, f"{path}/renewals", {"expires_on": "2027-06-30", "number": NUMBER, "notes": NOTE}, status=201
    )
    return credential


async def everything(service: Any, *texts: str, without: Any = ("erased_holders",)) -> list[str]:
    async with service.database.reading() as conn:
        return [
            f"{found.text} in {found.where}: {found.excerpt}"
            for found in await search_database(conn, texts, without=without)
        ]


async def test_every_table_is_classified_as_personal_or_not(service):
    """A new table is added to one of the lists above, and to the privacy queries if it is about persons."""
    async with service.database.reading() as conn:
        tables = set(await tables_of(conn))
    assert tables == PERSONS | LINKS | STAYS | CHASSIS | NOBODYS


async def test_only_ids_and_dates_remain_of_an_erased_holder(http, service, person, hers, s3, bucket):
    image = await sent(http, hers, with_gps(picture(400, 300)))
    assert (await http.get(original(hers, image))).status_code == 302
    await awarded(service, hers)
    assert (await http.get(f"/v1/holders/{person['id']}/export")).status_code == 200
    report = await made(http, "holders", kind="employee", name="Berta", manager_id=person["id"])
    await http.put("/v1/teams/red", json={"name": "Red", "supervisor_ids": [person["id"], report["id"]]})
    assert len(await everything(service, *PLANTED)) > 10
    assert objects(s3, bucket)
    events = await service.count(
        f"(select 1 from holder_history where holder_id = '{person['id']}' union all "
        f"select 1 from credential_history where holder_id = '{person['id']}') as x"
    )

    tried = await posted(http, f"holders/{person['id']}/erase", {"reason": "asked", "dry_run": True})
    assert tried["erased_at"] is None
    assert (
        tried["counts"] | {"images": 1, "image_views": 1, "copies": 1, "awards": 1, "events": events}
        == tried["counts"]
    )
    assert (await http.get(f"/v1/holders/{person['id']}")).status_code == 200
    async with service.database.reading() as conn:
        sequence = await conn.fetchval("select last_value from outbox_id_seq")

    erased = await posted(http, f"holders/{person['id']}/erase", {"reason": "asked"})
    assert erased["counts"] == tried["counts"]
    assert await everything(service, *PLANTED) == []
    # Of the person's own only the bare id, as of the credential.
    bare = {line.partition(" in ")[2].partition(":")[0].partition(".")[2] for line in await everything(
        service, person["id"], hers["id"])}  # fmt: skip
    assert bare <= {"erasures", "erased_events", "erased_objects", "outbox", "holder_history"}
    assert await service.count("erased_events") == events
    assert (await http.get(f"/v1/holders/{person['id']}")).status_code == 410
    assert (await http.get(f"/v1/credentials/{hers['id']}")).status_code == 404

    service.read_to = sequence
    told = [event.data for event in await service.published()]
    async with service.database.reading() as conn:
        hers_unsent = await conn.fetch(
            "select topic, convert_from(record_key, 'UTF8') as key, value from outbox "
            "where partition_key = $1 order by id",
            person["id"],
        )
    assert [tuple(row) for row in hers_unsent] == [
        (Topic.CREDENTIALS, f"{person['id']}/{hers['id']}", None),
        (Topic.CREDENTIALS, f"{person['id']}/award/{hers['id']}", None),
        (Topic.HOLDERS, person["id"], None),
    ]
    freed = next(each for each in told if isinstance(each, HolderUpdated))
    assert (freed.holder.id, freed.holder.manager_id) == (UUID(report["id"]), None)
    assert (await http.get("/v1/teams/red")).json()["supervisor_ids"] == [report["id"]]

    left = (await http.get("/v1/erasures")).json()["items"]
    assert [(each["holder_id"], each["left"] > 0) for each in left] == [(person["id"], True)]
    await Collecting(service.database, http._transport.app.state.image_storage).step()
    assert objects(s3, bucket) == []


async def test_a_request_repeated_after_the_erasure_has_no_second_effect(http, person, hers):
    await posted(http, f"holders/{person['id']}/erase", {"reason": "asked"})
    answer = await http.post(
        "/v1/holders",
        json={"kind": "employee", "name": NAME, "email": EMAIL, "phone": PHONE, "external_id": EXTERNAL,
              "attributes": {"remark": ATTRIBUTE}, "birth_date": BORN},
        headers={"Idempotency-Key": "entered"},
    )  # fmt: skip
    assert answer.status_code == 410
    assert (await http.get("/v1/holders")).json()["items"] == []


async def test_a_stored_answer_with_the_name_only_in_a_file_name_is_deleted(http, service, person):
    header = "ID,ACCOUNT NUMBER,LEGAL NAME,LICENSE CODE,LICENSE DESCRIPTION,LICENSE NUMBER,DATE ISSUED,"
    header += (
        "LICENSE TERM START DATE,LICENSE TERM EXPIRATION DATE,LICENSE STATUS,LICENSE STATUS CHANGE DATE\n"
    )
    answer = await http.post(
        "/v1/imports", files={"file": (f"{NAME}.csv", header.encode())}, data={"mapping": "chicago"},
        headers={"Idempotency-Key": "sent"},
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    await service.work_off_imports()
    assert any("idempotency" in line for line in await everything(service, f"{NAME}.csv"))
    await posted(http, f"holders/{person['id']}/erase", {"reason": "asked"})
    assert await everything(service, *PLANTED) == []


async def test_erasing_again_changes_and_publishes_nothing(http, service, person, hers):
    first = await posted(http, f"holders/{person['id']}/erase", {"reason": "asked"})
    await service.published()
    assert await posted(http, f"holders/{person['id']}/erase", {"reason": "asked"}) == first
    assert await posted(http, f"holders/{person['id']}/erase", {"reason": "x", "dry_run": True}) == first
    assert await service.published() == []
    await posted(http, f"holders/{uuid4()}/erase", {"reason": "asked"}, status=404)


async def test_an_object_that_another_holder_shares_stays_in_the_bucket(
    http, service, person, hers, s3, bucket
):
    other = await made(http, "holders", kind="employee", name="Berta")
    theirs = await made(
        http, "credentials", holder_id=other["id"], type="licence", number="B-1", expires_on="2027-01-01"
    )
    same = with_gps(picture(300, 200))
    await sent(http, hers, same)
    kept = await sent(http, theirs, same)
    before = objects(s3, bucket)
    await posted(http, f"holders/{person['id']}/erase", {"reason": "asked"})
    collecting = Collecting(service.database, http._transport.app.state.image_storage)
    await collecting.step()
    assert objects(s3, bucket) == before
    [item] = (await http.get("/v1/erasures")).json()["items"]
    async with service.database.reading() as conn:
        unsent = await conn.fetchval("select count(*) from outbox where partition_key = $1", person["id"])
    assert item["left"] == unsent  # no objects
    assert (await http.get(original(theirs, kept))).status_code == 302


async def test_a_merged_duplicate_is_erased_with_its_holder(http, service, person, hers):
    twin = await made(http, "holders", kind="employee", name=f"{NAME} 2", email="second@quastel.test")
    await posted(http, f"holders/{twin['id']}/merge", {"into": person["id"], "reason": "duplicate"})
    await posted(http, f"holders/{twin['id']}/erase", {"reason": "asked"}, status=409)
    await posted(http, f"holders/{person['id']}/erase", {"reason": "asked"})
    assert await everything(service, *PLANTED, "second@quastel.test") == []
    assert {item["holder_id"] for item in (await http.get("/v1/erasures")).json()["items"]} == {
        person["id"],
        twin["id"],
    }


async def test_the_old_key_of_a_moved_credential_gets_a_tombstone_and_the_credential_stays(
    http, service, person, hers
):
    other = await made(http, "holders", kind="employee", name="Berta")
    await posted(
        http, f"credentials/{hers['id']}/corrections", {"holder_id": other["id"], "reason": "wrong_person"}
    )
    await service.published()
    await posted(http, f"holders/{person['id']}/erase", {"reason": "asked"})
    told = [event.data for event in await service.published()]
    assert f"{person['id']}/{hers['id']}" in {each.key for each in told if isinstance(each, HolderErased)}
    assert not any(isinstance(each, CredentialMoved) for each in told)
    assert (await http.get(f"/v1/credentials/{hers['id']}")).json()["holder_id"] == other["id"]
    assert await everything(service, NAME, EMAIL, PHONE, EXTERNAL) == []


async def test_a_copy_has_everything_and_says_who_took_it(http, service, person, hers):
    content = with_gps(picture(600, 400))
    image = await sent(http, hers, content)
    await http.get(f"/v1/holders/{person['id']}/export")
    answer = await http.get(f"/v1/holders/{person['id']}/export")
    assert answer.headers["content-type"] == "application/zip"
    with ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        document = json.loads(archive.read("data.json"))
        [credential] = document["credentials"]
        assert archive.read(credential["images"][0]["file"]) == content
    assert credential["images"][0]["id"] == image["id"]
    assert [len(document[name]) for name in ("holders", "holder_history", "copies")] == [1, 1, 2]
    assert (len(credential["terms"]), len(credential["flags"])) == (2, 2)
    assert len(credential["history"]) == len((await http.get(
        f"/v1/credentials/{hers['id']}/history")).json()["items"])  # fmt: skip
    text = json.dumps(document, ensure_ascii=False)
    assert [planted for planted in PLANTED if planted not in {*text.split('"'), OLD_NUMBER}] == []
    assert document["taken_by"] == document["copies"][0]["actor"]
    assert document["kept_by_other_services"].keys() >= {"notifier", "certifications", "scheduler"}


async def test_an_export_with_a_missing_original_is_not_started(http, service, person, hers, s3, bucket):
    await sent(http, hers, with_gps(picture(300, 300)))
    for key in objects(s3, bucket):
        s3.client().delete_object(Bucket=bucket, Key=key)
    assert (await http.get(f"/v1/holders/{person['id']}/export")).status_code == 503


async def test_only_an_administrator_takes_a_copy_or_erases(http, issuer, person):
    for claims in ({"scope": "credentials:read credentials:write"}, {"scope": "credentials:audit"}):
        http.headers["Authorization"] = f"Bearer {issuer.token(**claims)}"
        assert (await http.get(f"/v1/holders/{person['id']}/export")).status_code == 403
        await posted(http, f"holders/{person['id']}/erase", {"reason": "asked"}, status=403)
        await posted(http, "erasures", {"holder_ids": [person["id"]]}, status=403)


async def test_erasures_are_repeated_after_a_restore(http, service, person, hers):
    never_known = str(uuid4())
    ids = [person["id"], never_known]
    assert await posted(http, "erasures", {"holder_ids": ids}) == {"erased": 1}
    assert await everything(service, *PLANTED) == []
    told = [event.data for event in await service.published()]
    assert {each.key for each in told if isinstance(each, HolderErased)} == {
        person["id"], never_known, f"{person['id']}/{hers['id']}"
    }  # fmt: skip
    # Again: nobody is there, and everybody is told again.
    assert await posted(http, "erasures", {"holder_ids": ids}) == {"erased": 0}
    told = [event.data for event in await service.published()]
    assert {each.key for each in told} == {person["id"], never_known, f"{person['id']}/{hers['id']}"}


async def test_a_backfill_repeats_erasures_for_consumers_that_missed_them(http, service, person):
    await posted(http, f"holders/{person['id']}/erase", {"reason": "asked"})
    [source] = [source for source in SNAPSHOTS if source.name == "erased_holders"]
    async with service.database.reading() as conn:
        events, following = await source.page(conn, None, 10)
    assert [each.key for each in events] == [person["id"]]
    assert following is None


async def import_of(conn: Any, *, state: str, file_name: str = "f.csv", cursor: str | None = None) -> UUID:
    import_id = uuid4()
    await conn.execute(
        "insert into imports (id, state, mapping_name, mapping, dry_run, file_name, file_size, encoding, "
        "delimiter, actor, cursor_key, created_at, updated_at, finished_at) "
        "values ($1, $2, 'm', 'm', false, $3, 1, 'utf-8', ',', 'user:x', $4, now(), now(), $5)",
        import_id, state, file_name, cursor, NOW if state == "finished" else None,
    )  # fmt: skip
    return import_id


async def test_an_erasure_removes_the_person_from_import_reports(http, service, person, hers):
    async with service.database.reading() as conn:
        import_id = await import_of(
            conn, state="finished", file_name=f"{NAME.upper()} licences.csv", cursor=EXTERNAL
        )
        await conn.executemany(
            "insert into import_rows (import_id, line, outcome, holder_key, errors) "
            "values ($1, $2, 'rejected', $3, $4)",
            [(import_id, 2, EXTERNAL, '[{"column": "Name", "value": "Quastel"}]'),
             (import_id, 3, None, json.dumps([{"column": "Mail", "value": EMAIL}])),
             (import_id, 4, "HR-9", '[{"column": "Name", "value": "Somebody"}]')],
        )  # fmt: skip
        await conn.executemany(
            "insert into import_effects (import_id, step, id, version, created) values ($1, $2, $3, 1, true)",
            [(import_id, 1, hers["id"]), (import_id, 2, person["id"])],
        )
        await conn.execute(
            "insert into import_staged (import_id, holder_key, line, cells) values ($1, $2, 5, $3)",
            uuid4(), EXTERNAL, NAME.encode(),
        )  # fmt: skip
    await posted(http, f"holders/{person['id']}/erase", {"reason": "asked"})
    assert await everything(service, *PLANTED, "Quastel") == []
    assert await everything(service, "Somebody")
    assert await service.count("import_rows") == 3
    # The rest of the import can still be undone.
    await posted(http, f"imports/{import_id}/undo", status=202)
    await service.work_off_imports()
    assert (await http.get(f"/v1/imports/{import_id}")).json()["state"] == "undone"


async def test_an_erasure_removes_the_person_from_bulk_reports(http, service, person, hers):
    bulk_id = uuid4()
    async with service.database.reading() as conn:
        await conn.execute(
            "insert into bulks (id, state, action, dry_run, actor, total, created_at, finished_at) "
            "values ($1, 'finished', $2, false, 'user:x', 2, now(), now())",
            bulk_id, json.dumps({"void": {"reason": "audit", "note": f"{NAME} and others"}}),
        )  # fmt: skip
        await conn.executemany(
            "insert into bulk_rows (bulk_id, ordinal, credential_id, outcome, detail, changes) "
            "values ($1, $2, $3, 'refused', $4, '{}')",
            [(bulk_id, 1, UUID(hers["id"]), f"The number {NUMBER!r} is already taken."),
             (bulk_id, 2, uuid4(), "Somebody else's.")],
        )  # fmt: skip
    await posted(http, f"holders/{person['id']}/erase", {"reason": "asked"})
    assert await everything(service, *PLANTED) == []
    assert await everything(service, "Somebody else's")
    assert await service.count("bulk_rows") == 2
    async with service.database.reading() as conn:
        kept = await conn.fetchval("select action from bulks where id = $1", bulk_id)
    assert json.loads(kept) == {"void": {"reason": "audit"}}


async def test_an_erasure_is_refused_while_an_import_is_being_read(http, service, person):
    async with service.database.reading() as conn:
        await import_of(conn, state="queued")
    await posted(http, f"holders/{person['id']}/erase", {"reason": "asked"}, status=409)
    assert (await http.get(f"/v1/holders/{person['id']}")).status_code == 200


async def test_an_erasure_waits_for_the_current_batch_of_an_import(http, service, person, clean_url):
    """What the batch has read of the person is written before, and goes; the next one reads nothing of it."""
    async with service.database.reading() as conn:
        import_id = await import_of(conn, state="running")
    batch = await asyncpg.connect(clean_url)
    try:
        async with batch.transaction():
            await batch.execute(
                "select pg_advisory_xact_lock(hashtextextended('licet.import/' || $1::uuid, 0))", import_id
            )
            erasing = asyncio.create_task(posted(http, f"holders/{person['id']}/erase", {"reason": "asked"}))
            await until(lambda: service.count(WAITING), "the erasure to wait for the batch")
            await batch.execute(
                "update holders set name = $2 where id = $1", UUID(person["id"]), f"{NAME} II"
            )
        await erasing
    finally:
        await batch.close()
    assert await everything(service, *PLANTED) == []


async def test_concurrent_writes_leave_nothing_of_an_erased_holder(http, service, person, hers):
    """Each other request comes before the erasure, and goes with it, or after it, and finds nobody."""
    holder, credential = f"holders/{person['id']}", f"credentials/{hers['id']}"

    async def at_once(number: int) -> set[int]:
        new = {"holder_id": person["id"], "type": "licence", "number": f"{NUMBER}-{number}", "notes": NOTE}
        report = {"kind": "employee", "name": "Report", "manager_id": person["id"]}
        answers = await asyncio.gather(
            http.post("/v1/credentials", json=new),
            http.post("/v1/holders", json=report),
            http.post(f"/v1/{credential}/suspend", json={"reason": "not_paid", "note": NOTE}),
            http.post(f"/v1/{credential}/reinstate", json={"reason": "paid", "note": NOTE}),
            http.post(f"/v1/{holder}/deactivate", json={"reason": "left", "note": NOTE}),
            http.put(f"/v1/teams/t{number}", json={"name": "T", "supervisor_ids": [person["id"]]}),
        )
        return {answer.status_code for answer in answers}

    writes = [asyncio.create_task(at_once(number)) for number in range(8)]
    await asyncio.sleep(0)
    erased = await posted(http, f"{holder}/erase", {"reason": "asked"})
    statuses = set().union(*await asyncio.gather(*writes))
    assert statuses <= {200, 201, 404, 409, 410, 422}, statuses
    assert erased["erased_at"] is not None
    assert await everything(service, *PLANTED) == []
    async with service.database.reading() as conn:
        last = await conn.fetch(
            "select distinct on (topic, record_key) topic, value is null as ends from outbox "
            "where partition_key = $1 order by topic, record_key, id desc",
            person["id"],
        )
    assert last
    assert all(row["ends"] for row in last)
