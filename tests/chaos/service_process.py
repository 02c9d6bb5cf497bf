"""A service as a process that can be killed at a named place, and started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import httpx

from licet_chassis.migrations import migrate
from licet_cli.embedded.issuer import SCOPES, Issuer, SigningKey
from licet_cli.embedded.ports import free_port

STARTED_WITHIN = 60.0
KILLED_WITHIN = 30.0


class ServiceProcess:
    """One process of a service on real servers. Its state is theirs, so a start goes on where it was."""

    package: ClassVar[str]

    def __init__(
        self,
        directory: Path,
        *,
        database_url: str,
        kafka: str,
        s3: Any,
        parts: Sequence[str] = (),
        killable: bool = True,
    ) -> None:
        """Without `killable` it has no places at which it looks whether to kill itself, as in production."""
        self.database_url = database_url
        self.kafka = kafka
        self.s3 = s3
        self._parts = parts
        self._killable = killable
        self.bucket: str = s3.create_bucket()
        self._armed = directory / "failpoint"
        self._log = directory / "service.log"
        self._temporary = directory / "tmp"
        self._temporary.mkdir()
        self._key = SigningKey.of_file(directory / "key.pem")
        self._issuer = Issuer(self._key, host="127.0.0.1", port=0, secret="none")
        self._issuer.start()
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, on a schema of its release, and wait until it is ready."""
        migrate(self.package, self.database_url)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.package, "serve", *self._only],
                env=self._environment(), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        deadline = time.monotonic() + STARTED_WITHIN
        while True:
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            assert self._process.poll() is None, self._log.read_text()[-3000:]
            assert time.monotonic() < deadline, self._log.read_text()[-3000:]
            time.sleep(0.05)

    @property
    def _only(self) -> list[str]:
        return ["--only", ",".join(self._parts)] if self._parts else []

    def _environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("LICET_")}
        failpoints = {"LICET_FAILPOINTS": str(self._armed)} if self._killable else {}
        return ours | {
            "LICET_ENVIRONMENT": "embedded",
            **failpoints,
            "LICET_PORT": str(self.port),
            "LICET_DATABASE_URL": self.database_url,
            "LICET_KAFKA_URL": self.kafka,
            "LICET_ISSUER_URL": self._issuer.url,
            "TMPDIR": str(self._temporary),
        }

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process is not None
        return self._process.pid

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, **headers: str) -> httpx.Client:
        """Return a client that may do everything."""
        return httpx.Client(
            base_url=f"{self.url}/v1",
            headers={"Authorization": f"Bearer {self.token()}", **headers},
            timeout=60,
        )

    def token(self) -> str:
        """Return a token that may do everything."""
        return self._key.token(issuer=self._issuer.url, now=datetime.now(UTC), scopes=SCOPES)

    def arm(self, failpoint: str) -> None:
        """Have it kill itself where it passes that place next."""
        fresh = self._armed.with_suffix(".new")
        fresh.write_text(failpoint, encoding="utf-8")
        fresh.replace(self._armed)

    def disarm(self) -> None:
        """Let it pass everywhere."""
        self._armed.unlink(missing_ok=True)

    def was_killed(self) -> bool:
        """Wait until it has killed itself; false if it has not within a while."""
        assert self._process is not None
        try:
            return self._process.wait(KILLED_WITHIN) == -signal.SIGKILL
        except subprocess.TimeoutExpired:
            return False

    def close_process(self) -> None:
        """End it at once, if it has not ended itself."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(30)

    def close(self) -> None:
        """End everything that was started."""
        self.close_process()
        self._issuer.stop()


class CredentialsService(ServiceProcess):
    """The credentials service."""

    package = "licet_credentials"

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {
            "LICET_S3_URL": self.s3.endpoint,
            "LICET_S3_BUCKET": self.bucket,
            "LICET_S3_ACCESS_KEY": self.s3.access_key,
            "LICET_S3_SECRET_KEY": self.s3.secret_key,
            "LICET_S3_REGION": self.s3.region,
        }


class CertificationsService(ServiceProcess):
    """The certifications service, which has no use for the bucket."""

    package = "licet_certifications"
