"""A real Apache Kafka broker: one node, KRaft mode, its own controller."""

import logging
import secrets
import shutil
import socket
import struct
from pathlib import Path

from stream_app.embedded.errors import StartError
from stream_app.embedded.jars import KAFKA_VERSION, kafka_classpath
from stream_app.embedded.java import find_java
from stream_app.embedded.ports import HOST
from stream_app.embedded.process import ChildProcess
from stream_app.embedded.server import EmbeddedServer

__all__ = ["EmbeddedKafka"]

logger = logging.getLogger(__name__)

FORMAT_DEADLINE_S = 60.0
ANSWER_DEADLINE_S = 2.0

JAVA_OPTIONS = [
    "-Xmx512m",
    # A broker that lost a thread to a full heap serves half: end, so that someone notices.
    "-XX:+ExitOnOutOfMemoryError",
    # No statistics file in the shared temporary folder, which a killed broker would leave there.
    "-XX:-UsePerfData",
    # Newer Java warns of what Kafka does unless it is allowed; Java 17 doesn't know all of these.
    "-XX:+IgnoreUnrecognizedVMOptions",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
]

# `log.dirs` is relative to the working directory: no path needs escaping in a Java properties file.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=data

# One node holds every replica.
default.replication.factor=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1

# Topics are made by `stream-app topics`, with the partitions and the cleanup that they need.
auto.create.topics.enable=false
num.partitions=4
# A record carries a normalised image of up to 200 KB as base64; a batch of them must pass.
message.max.bytes=2097152

# Small and quick to start: fewer internal partitions, and 16 MiB instead of 128 for the cleaner.
offsets.topic.num.partitions=8
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=1
log.segment.bytes=67108864
log.cleaner.dedupe.buffer.size=16777216

# Groups form at once, and may notice a dead member within a second.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# The transaction of a dead producer is aborted within a second of its timeout, not ten.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
# A broker that was killed may register again once its old session has ended: 3 s, not 9.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""

# Metadata request, version 2, for no topic at all: length, then api key 3, version 2,
# correlation id 1, no client id, an empty array. https://kafka.apache.org/protocol
METADATA_REQUEST = struct.pack(">ihhihi", 14, 3, 2, 1, -1, 0)
# Correlation id and the number of brokers, four bytes each, begin the response.
MIN_RESPONSE_BYTES = 8


class EmbeddedKafka(EmbeddedServer):
    """A broker that keeps its data in `data_dir/kafka` and its log in `data_dir/logs/kafka.log`.

    Args:
        home: Folder that `install_kafka` has filled.
        data_dir: The stack's data folder.
        port: Port of the broker; None takes a free one. The controller always takes a free one.
    """

    def __init__(self, home: Path, data_dir: Path, port: int | None = None) -> None:
        data_dir = data_dir.resolve()
        super().__init__("kafka", data_dir / "logs" / "kafka.log", port=port, num_ports=2)
        self._home = home
        self._dir = data_dir / "kafka"
        self._cluster_id = ""

    def _prepare(self) -> ChildProcess:
        java = [str(find_java()), *JAVA_OPTIONS, "-cp", kafka_classpath(self._home)]
        self._dir.mkdir(parents=True, exist_ok=True)
        properties = self._dir / "server.properties"
        properties.write_text(self._properties())
        if not (self._dir / "data").is_dir():
            self._format(java, properties)
        self._cluster_id = self._read_cluster_id()
        return ChildProcess(
            self.name,
            [*java, "kafka.Kafka", str(properties)],
            self._log_path,
            cwd=self._dir,
        )

    def _properties(self) -> str:
        """Return `server.properties`; of a name that comes twice the last line counts."""
        port, controller_port = self.ports
        return PROPERTIES.format(host=HOST, port=port, controller_port=controller_port)

    def _format_options(self) -> list[str]:
        """Return what `kafka-storage format` is told besides."""
        return []

    def _new_cluster_id(self) -> str:
        """Return 16 bytes in URL-safe base64, as Kafka writes its own."""
        return secrets.token_urlsafe(16)

    def _format(self, java: list[str], properties: Path) -> None:
        """Make `data`, once. It is made elsewhere and renamed, so what is there is complete."""
        unfinished = self._dir / "formatting"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        # Glued to the option, for it may begin with a minus sign.
        cluster_id = f"--cluster-id={self._new_cluster_id()}"
        command = [*java, "kafka.tools.StorageTool", "format", cluster_id, "-c", str(properties)]
        tool = ChildProcess(
            "kafka format",
            [*command, *self._format_options()],
            self._log_path,
            cwd=unfinished,
        )
        with tool:
            if tool.wait(FORMAT_DEADLINE_S) != 0:
                raise StartError(f"Kafka can't format {self._dir / 'data'}; {tool.log_tail()}")
        (unfinished / "data").rename(self._dir / "data")
        unfinished.rmdir()
        logger.info("kafka data folder is formatted", extra={"version": KAFKA_VERSION})

    def _read_cluster_id(self) -> str:
        lines = (self._dir / "data" / "meta.properties").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)["cluster.id"]

    def _answers(self) -> bool:
        """Ask for the cluster's members: a broker lists itself only when it may take records."""
        try:
            response = _exchange(self.ports[0], METADATA_REQUEST)
        except OSError:
            return False
        _, num_brokers = struct.unpack_from(">ii", response)
        return bool(num_brokers > 0 and self._cluster_id.encode() in response)


def _exchange(port: int, request: bytes) -> bytes:
    """Send one request and return the response without its length; `OSError` if there is none."""
    with (
        socket.create_connection((HOST, port), timeout=ANSWER_DEADLINE_S) as connection,
        connection.makefile("rb") as stream,
    ):
        connection.sendall(request)
        size = int.from_bytes(stream.read(4), "big")
        response = stream.read(size)
    if size < MIN_RESPONSE_BYTES or len(response) < size:
        raise ConnectionError(f"port {port} closed in the middle of an answer")
    return response
