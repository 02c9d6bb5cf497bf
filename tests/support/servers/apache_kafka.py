"""Apache Kafka as a process: its jars by Maven, one node in KRaft mode."""

import base64
import signal
from pathlib import Path
from uuid import uuid4

from licet_cli.embedded.ports import free_port
from licet_cli.embedded.processes import Child
from support.servers.downloads import kept, run, tool

_POM = Path(__file__).parent / "apache_kafka.pom.xml"
VERSION = "4.3.1"


class ApacheKafka:
    """One broker and controller on 127.0.0.1, its log in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._java = tool("java")
        jars = kept(f"kafka-{VERSION}", _fetch)
        directory.mkdir(parents=True, exist_ok=True)
        self._port, controller = free_port(), free_port()
        self._configuration = directory / "server.properties"
        self._configuration.write_text(_properties(self._port, controller, directory / "log"))
        self._classpath = str(jars / "*")
        self._log = directory / "kafka.log"
        (directory / "log4j2.yaml").write_text(_LOGGING)
        self._options = [
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            f"-Dlog4j2.configurationFile={directory / 'log4j2.yaml'}",
        ]
        cluster = base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
        run(
            [
                self._java,
                *self._options,
                "-cp",
                self._classpath,
                "kafka.tools.StorageTool",
                "format",
                "--standalone",
                f"--cluster-id={cluster}",
                f"--config={self._configuration}",
            ]
        )
        self._child = self._new_child()

    @property
    def bootstrap(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and return at once."""
        self._child = self._new_child()
        self._child.start()

    def kill(self) -> None:
        """End it as a crash does."""
        self._child.stop(grace=0.0)

    def stop(self) -> None:
        """End it; nobody waits for what it would still tidy up."""
        self._child.stop(grace=0.0)

    def _new_child(self) -> Child:
        return Child(
            "kafka",
            [
                self._java,
                *self._options,
                "-cp",
                self._classpath,
                "kafka.Kafka",
                str(self._configuration),
            ],
            self._log,
            stop_signal=signal.SIGKILL,
        )


def _fetch(target: Path) -> None:
    run(
        [
            tool("mvn"),
            "--batch-mode",
            "--quiet",
            f"--file={_POM}",
            "dependency:copy-dependencies",
            f"-DoutputDirectory={target}",
            f"-Dkafka.version={VERSION}",
        ]
    )


def _properties(port: int, controller: int, log: Path) -> str:
    return "\n".join(
        [
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.bootstrap.servers=127.0.0.1:{controller}",
            f"listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "controller.listener.names=CONTROLLER",
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            f"log.dirs={log}",
            "auto.create.topics.enable=false",
            "offsets.topic.replication.factor=1",
            "offsets.topic.num.partitions=4",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            "share.coordinator.state.topic.replication.factor=1",
            "share.coordinator.state.topic.min.isr=1",
            "group.initial.rebalance.delay.ms=0",
            "num.network.threads=2",
            "num.io.threads=2",
            "log.cleaner.dedupe.buffer.size=8388608",
            "",
        ]
    )


_LOGGING = """\
Configuration:
  status: error
  Appenders:
    Console:
      name: STDOUT
      target: SYSTEM_ERR
      PatternLayout:
        pattern: "%d %p %c %m%n"
  Loggers:
    Root:
      level: WARN
      AppenderRef:
        ref: STDOUT
"""
