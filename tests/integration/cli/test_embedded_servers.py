"""The servers of the embedded run: nothing of them outlives their parent, and kept data is kept."""

import json
import signal
import smtplib
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config

from licet_cli.embedded.errors import EmbeddedError
from licet_cli.embedded.ports import is_free
from licet_cli.embedded.postgres import EmbeddedPostgres
from licet_cli.embedded.s3 import EmbeddedS3
from licet_cli.embedded.servers import SmallServers

ORPHAN = Path(__file__).parents[2] / "support" / "orphan.py"
BOUND = 10.0
"""Seconds in which everything is gone."""


def _family(pids: list[int]) -> list[psutil.Process]:
    processes = [psutil.Process(pid) for pid in pids]
    return [*processes, *(child for process in processes for child in process.children(recursive=True))]


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_when_the_parent_dies_without_a_word(tmp_path, by):
    scratch = tmp_path / "scratch"
    parent = subprocess.Popen([sys.executable, str(ORPHAN), str(scratch)], stdout=subprocess.PIPE)
    try:
        told = json.loads(parent.stdout.readline() if parent.stdout else b"")
        family = _family(told["pids"])
        assert len(family) > 3  # PostgreSQL has processes of its own
        assert not any(is_free(port) for port in told["ports"])
    finally:
        parent.send_signal(by)
        parent.wait()
    _, alive = psutil.wait_procs(family, timeout=BOUND)
    assert [process.name() for process in alive] == []
    assert all(is_free(port) for port in told["ports"])
    assert not scratch.exists()


def test_postgresql_keeps_its_data_and_password_over_a_restart(tmp_path):
    first = EmbeddedPostgres(tmp_path / "data", log=tmp_path / "log")
    first.start()
    first.create_database("kept")
    url = first.url("kept")
    first.stop()
    again = EmbeddedPostgres(tmp_path / "data", log=tmp_path / "log", port=first.port)
    again.start()
    try:
        assert again.url("kept") == url
        again.create_database("kept")
    finally:
        again.stop()


def test_data_of_another_major_version_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match=r"PostgreSQL 17.*brings 18.*pg_dump"):
        EmbeddedPostgres(tmp_path / "data", log=tmp_path / "log").start()


def test_data_that_another_server_uses_is_refused(tmp_path):
    first = EmbeddedPostgres(tmp_path / "data", log=tmp_path / "log")
    first.start()
    try:
        with pytest.raises(EmbeddedError, match="in use"):
            EmbeddedPostgres(tmp_path / "data", log=tmp_path / "log").start()
    finally:
        first.stop()


def test_postgresql_takes_another_port_when_its_own_is_taken(tmp_path):
    first = EmbeddedPostgres(tmp_path / "first", log=tmp_path / "first.log")
    first.start()
    second = EmbeddedPostgres(tmp_path / "second", log=tmp_path / "second.log", port=first.port)
    try:
        second.start()
        assert second.port != first.port
    finally:
        second.stop()
        first.stop()


def test_objects_and_their_headers_outlive_the_object_store(tmp_path):
    def start() -> EmbeddedS3:
        server = EmbeddedS3(
            log=tmp_path / "log", bucket="licet", data=tmp_path / "objects", secret_key="secret"
        )
        server.start()
        server.wait()
        return server

    server = start()
    client = _client(server)
    client.put_object(
        Bucket="licet",
        Key="a b/ü.jpg",
        Body=b"x" * 300_000,
        ContentType="image/jpeg",
        Metadata={"kind": "scan"},
    )
    client.put_object(Bucket="licet", Key="gone", Body=b"y")
    client.delete_object(Bucket="licet", Key="gone")
    server.child.stop(grace=0.0)  # as a crash would
    server = start()
    try:
        client = _client(server)
        assert [item["Key"] for item in client.list_objects_v2(Bucket="licet")["Contents"]] == ["a b/ü.jpg"]
        kept = client.get_object(Bucket="licet", Key="a b/ü.jpg")
        assert (kept["ContentType"], kept["Metadata"]) == ("image/jpeg", {"kind": "scan"})
        assert kept["Body"].read() == b"x" * 300_000
    finally:
        server.stop()


def test_a_caught_mail_is_a_file_with_its_bytes_below_two_lines(tmp_path):
    small = SmallServers(log=tmp_path / "log")
    small.start(
        kafka=False, mail=tmp_path / "mail", signing_key=tmp_path / "key.pem", secret="s", issuer_port=8100
    )
    try:
        small.wait()
        assert small.kafka is None
        host, port = str(small.smtp).removeprefix("smtp://").split(":")
        mail = EmailMessage()
        mail["Subject"], mail["To"] = "Hello", "to@example.org"
        mail.set_content("Text")
        with smtplib.SMTP(host, int(port), timeout=5) as client:
            client.sendmail("from@example.org", ["one@example.org", "two@example.org"], mail.as_bytes())
    finally:
        small.child.stop()
    files = sorted((tmp_path / "mail").iterdir())
    tops = [file.read_bytes().split(b"\r\n", 2)[:2] for file in files]
    assert tops == [
        [b"Delivered-To: one@example.org", b"Return-Path: <from@example.org>"],
        [b"Delivered-To: two@example.org", b"Return-Path: <from@example.org>"],
    ]
    assert all(b"Subject: Hello" in file.read_bytes() for file in files)


def _client(server: EmbeddedS3) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
        config=Config(signature_version="s3v4"),
    )
