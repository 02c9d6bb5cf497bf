"""The servers that every other integration test relies on do what their fixtures promise."""

import smtplib
import urllib.error
import urllib.request
from email.message import EmailMessage
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from licet_events.topics import Topic
from support.servers.kafka import KafkaServer
from support.servers.smtp import SmtpServer


async def test_a_fresh_database_is_empty_and_of_a_supported_version(postgres):
    connection = await asyncpg.connect(await postgres.create_database())
    try:
        assert 160000 <= int(await connection.fetchval("show server_version_num")) < 190000
        assert await connection.fetchval("select count(*) from pg_tables where schemaname = 'public'") == 0
        await connection.execute("create extension pg_trgm")
    finally:
        await connection.close()


async def test_two_databases_share_nothing(postgres):
    first, second = await postgres.create_database(), await postgres.create_database()
    connection = await asyncpg.connect(first)
    await connection.execute("create table only_here ()")
    await connection.close()
    connection = await asyncpg.connect(second)
    assert await connection.fetchval("select to_regclass('only_here')") is None
    await connection.close()


async def test_a_restart_breaks_connections_and_keeps_data(postgres):
    url = await postgres.create_database()
    connection = await asyncpg.connect(url)
    await connection.execute("create table kept as select 1 as one")
    await postgres.restart()
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await connection.execute("select 1")
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("select one from kept") == 1
    await connection.close()


async def test_topics_have_the_partition_counts_of_the_contract(kafka):
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics([topic.value for topic in Topic])
    finally:
        await admin.close()
    counts = {topic["topic"]: len(topic["partitions"]) for topic in described}
    assert counts == {topic.value: topic.partitions for topic in Topic}


async def test_a_record_comes_back_with_its_key_headers_and_partition(empty_kafka):
    await _publish(empty_kafka, b"value")
    record = await _first(empty_kafka)
    assert (record.key, record.value, record.partition) == (b"key", b"value", 7)
    assert record.headers == (("ce_type", b"x"),)


async def test_reset_topics_leaves_nothing(kafka):
    await _publish(kafka, b"old")
    await kafka.reset_topics()
    await _publish(kafka, b"new")
    assert (await _first(kafka)).value == b"new"


async def test_records_survive_a_broker_that_goes_down_and_comes_up(empty_kafka):
    await _publish(empty_kafka, b"kept")
    await empty_kafka.down()
    producer = AIOKafkaProducer(bootstrap_servers=empty_kafka.bootstrap, request_timeout_ms=500)
    with pytest.raises(Exception, match="Unable to bootstrap"):
        await producer.start()
    await producer.stop()
    await empty_kafka.up()
    assert (await _first(empty_kafka)).value == b"kept"


def test_the_bucket_is_private_and_a_presigned_url_opens_it(s3):
    bucket, client = s3.create_bucket(), s3.client()
    client.put_object(Bucket=bucket, Key="images/a", Body=b"picture", ContentType="image/jpeg")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{s3.endpoint}/{bucket}/images/a")
    assert refused.value.code == 403
    url = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "images/a"}, ExpiresIn=60)
    with urllib.request.urlopen(url) as answer:
        assert (answer.read(), answer.headers["Content-Type"]) == (b"picture", "image/jpeg")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url[:-1] + ("0" if url[-1] != "0" else "1"))
    assert refused.value.code == 403


def test_an_accepted_mail_is_kept(smtp):
    _send(smtp)
    assert [(mail.recipient, mail.message["Subject"]) for mail in smtp.messages] == [("to@test", "Hello")]


@pytest.mark.parametrize(
    ("fault", "seen", "kept"),
    [
        ("refuse", smtplib.SMTPConnectError, 0),
        ("mail-4xx", smtplib.SMTPSenderRefused, 0),
        ("rcpt-4xx", smtplib.SMTPRecipientsRefused, 0),
        ("rcpt-5xx", smtplib.SMTPRecipientsRefused, 0),
        ("data-4xx", smtplib.SMTPDataError, 0),
        ("data-5xx", smtplib.SMTPDataError, 0),
        ("drop-before-data", (smtplib.SMTPServerDisconnected, OSError), 0),
        ("drop-after-dot-accepted", (smtplib.SMTPServerDisconnected, OSError), 1),
        ("drop-after-dot-refused", (smtplib.SMTPServerDisconnected, OSError), 0),
    ],
)
def test_a_fault_hits_one_mail_and_the_next_goes_through(smtp, fault, seen, kept):
    smtp.misbehave(fault, None)
    with pytest.raises(seen):
        _send(smtp)
    assert len(smtp.messages) == kept
    _send(smtp)
    assert len(smtp.messages) == kept + 1


def _send(smtp: SmtpServer) -> None:
    mail = EmailMessage()
    mail["Subject"] = "Hello"
    mail.set_content("Text")
    client = smtplib.SMTP(smtp.host, smtp.port, timeout=5)
    try:
        client.sendmail("from@test", "to@test", mail.as_bytes())
    finally:
        client.close()


async def _publish(kafka: KafkaServer, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(
            Topic.HOLDERS, value, key=b"key", partition=7, headers=[("ce_type", b"x")]
        )
    finally:
        await producer.stop()


async def _first(kafka: KafkaServer) -> Any:
    consumer = AIOKafkaConsumer(
        Topic.HOLDERS, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest", group_id=None
    )
    await consumer.start()
    try:
        return await consumer.getone()
    finally:
        await consumer.stop()
