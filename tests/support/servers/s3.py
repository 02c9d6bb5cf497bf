"""An S3 server for tests: moto's, or VersityGW."""

import http.client
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from licet_cli.embedded.ports import free_port
from licet_cli.embedded.processes import Child
from licet_cli.embedded.s3 import EmbeddedS3
from support.servers.choice import Unavailable, way
from support.servers.containers import Container
from support.servers.downloads import kept, run, tool

VERSITYGW = "v1.7.0"


@dataclass(frozen=True)
class S3Server:
    """Where the server is and how to sign for it. Its buckets are private."""

    kind: str
    endpoint: str
    access_key: str
    secret_key: str
    region: str
    running: Any = None

    def create_bucket(self) -> str:
        """Make a bucket that nobody else uses and return its name."""
        name = f"licet-test-{secrets.token_hex(6)}"
        self.client().create_bucket(Bucket=name)
        return name

    def client(self) -> Any:
        """Return a boto3 client for it."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(
                signature_version="s3v4",
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                s3={"addressing_style": "path"},
            ),
        )

    def close(self) -> None:
        """End what this session started."""
        if self.running is not None:
            (self.running.close if isinstance(self.running, Container) else self.running.stop)()


def make_s3(directory: Path) -> S3Server:
    """Return the server that this session's settings ask for."""
    if url := os.environ.get("LICET_TEST_S3_URL"):
        return S3Server(
            "given",
            url,
            os.environ.get("LICET_TEST_S3_ACCESS_KEY", "licet"),
            os.environ.get("LICET_TEST_S3_SECRET_KEY", "licet"),
            os.environ.get("LICET_TEST_S3_REGION", "us-east-1"),
        )
    chosen = way()
    if chosen == "containers":
        return _versitygw_container()
    if chosen == "real":
        return _versitygw_process(directory)
    server = EmbeddedS3(log=directory / "s3.log", bucket="licet")
    server.start()
    server.wait()
    return S3Server("moto", server.endpoint, server.access_key, server.secret_key, server.region, server)


def _versitygw_process(directory: Path) -> S3Server:
    binary = kept(f"versitygw-{VERSITYGW}", _build) / "bin" / "versitygw"
    files = directory / "objects"
    files.mkdir(parents=True)
    port, access, secret = free_port(), "licet", secrets.token_hex(16)
    child = Child(
        "versitygw",
        [str(binary), "--port", f"127.0.0.1:{port}", "--quiet", "posix", "--nometa", str(files)]
        if not _keeps_attributes(files)
        else [str(binary), "--port", f"127.0.0.1:{port}", "--quiet", "posix", str(files)],
        directory / "versitygw.log",
        env={**os.environ, "ROOT_ACCESS_KEY": access, "ROOT_SECRET_KEY": secret},
    )
    child.start()
    _wait(port, child.last_words)
    return S3Server("versitygw", f"http://127.0.0.1:{port}", access, secret, "us-east-1", child)


def _versitygw_container() -> S3Server:
    port, access, secret = free_port(), "licet", secrets.token_hex(16)
    container = Container(
        f"versity/versitygw:{VERSITYGW}",
        ports={7070: port},
        environment={"ROOT_ACCESS_KEY": access, "ROOT_SECRET_KEY": secret},
        command="--port :7070 posix /tmp",
    )
    try:
        _wait(port, container.logs)
    except Unavailable:
        container.close()
        raise
    return S3Server("versitygw", f"http://127.0.0.1:{port}", access, secret, "us-east-1", container)


def _build(target: Path) -> None:
    run(
        [tool("go"), "install", f"github.com/versity/versitygw/cmd/versitygw@{VERSITYGW}"],
        env={**os.environ, "GOBIN": str(target / "bin"), "GOFLAGS": "-buildvcs=false"},
    )


def _keeps_attributes(directory: Path) -> bool:
    """Whether the file system has the extended attributes in which VersityGW keeps content types."""
    probe = directory / ".probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.licet", b"1")
    except OSError:
        return False
    finally:
        probe.unlink()
    return True


def _wait(port: int, last_words: Any) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/")
            connection.getresponse()
            connection.close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise Unavailable(f"VersityGW does not answer: {error}{last_words()}") from error
            time.sleep(0.1)
        else:
            return
