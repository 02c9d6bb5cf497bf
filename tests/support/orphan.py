"""A parent that starts the servers of the embedded run, says where they are, and waits to be killed."""

import json
import sys
import threading
from pathlib import Path

from licet_cli.embedded.postgres import EmbeddedPostgres
from licet_cli.embedded.s3 import EmbeddedS3
from licet_cli.embedded.servers import SmallServers


def main(scratch: Path) -> None:
    """Start them and never end by itself."""
    logs = scratch.parent / "logs"
    postgres = EmbeddedPostgres(scratch / "postgres", log=logs / "postgres.log", durable=False)
    s3 = EmbeddedS3(log=logs / "s3.log", bucket="licet")
    small = SmallServers(log=logs / "servers.log")
    small.start(
        kafka=True,
        mail=scratch / "mail",
        signing_key=scratch / "issuer.pem",
        secret="secret",
        issuer_port=8100,
    )
    s3.start()
    postgres.start()
    small.wait()
    s3.wait()
    children = [postgres.child, s3.child]
    small.guard(pids={child.pid: int(child.stop_signal) for child in children if child.pid}, scratch=scratch)
    addresses = [small.kafka or "", small.smtp or "", small.issuer, s3.endpoint, f"127.0.0.1:{postgres.port}"]
    print(
        json.dumps(
            {
                "pids": [child.pid for child in (*children, small.child)],
                "ports": [int(address.rsplit(":", 1)[1]) for address in addresses],
            }
        ),
        flush=True,
    )
    threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
