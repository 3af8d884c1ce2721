"""Kafka and S3 together, for as long as a `with` block lasts."""

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from stream_app.embedded.credentials import S3Access
from stream_app.embedded.kafka import EmbeddedKafka
from stream_app.embedded.lock import DataDirLock
from stream_app.embedded.seaweedfs import EmbeddedSeaweedFS
from stream_app.embedded.server import EmbeddedServer

__all__ = ["Stack"]

logger = logging.getLogger(__name__)


class Stack:
    """The services that stream-app stands on; each one is started here unless it is given.

    Enter it in the main thread, or in one that lives as long as the stack (see `ChildProcess`).
    What is stored survives in `data_dir`; the ports are new at every start.

    Args:
        data_dir: Folder for data, logs (`logs/`), keys (`s3.json`) and the lock (`stack.json`).
        home: Folder that `install_kafka` has filled; not looked at when Kafka is given.
        kafka_bootstrap_servers: Address of a broker that runs already.
        s3: Address and keys of an object storage that runs already.
    """

    def __init__(
        self,
        data_dir: Path,
        home: Path,
        *,
        kafka_bootstrap_servers: str | None = None,
        s3: S3Access | None = None,
    ) -> None:
        self._kafka = kafka_bootstrap_servers or EmbeddedKafka(home, data_dir)
        self._s3 = s3 or EmbeddedSeaweedFS(data_dir)
        self._lock = DataDirLock(data_dir)
        self._cleanup = ExitStack()

    @property
    def kafka_bootstrap_servers(self) -> str:
        """Address of the broker."""
        return self._kafka if isinstance(self._kafka, str) else self._kafka.address

    @property
    def s3(self) -> S3Access:
        """Address and keys of the object storage."""
        return self._s3 if isinstance(self._s3, S3Access) else self._s3.access

    @property
    def s3_endpoint(self) -> str:
        """Host and port of the object storage."""
        return self.s3.endpoint

    @property
    def s3_access_key(self) -> str:
        """Public half of its keys."""
        return self.s3.access_key

    @property
    def s3_secret_key(self) -> str:
        """Secret half of its keys."""
        return self.s3.secret_key

    def environment(self) -> dict[str, str]:
        """Return the variables that the other processes find these services by."""
        s3 = self.s3
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap_servers,
            "S3_ENDPOINT": s3.endpoint,
            "S3_ACCESS_KEY": s3.access_key,
            "S3_SECRET_KEY": s3.secret_key,
            "S3_SECURE": str(s3.secure).lower(),
        }

    def __enter__(self) -> Self:
        """Start what is not given, both at once, and return when both answer.

        Raises:
            StackRunningError: If a stack runs on this data folder; with its addresses.
            MissingToolError: If Java, the broker's jars or SeaweedFS are not on this machine.
            StartError: If a server ended or stayed silent; with the end of its log.
        """
        with ExitStack() as cleanup:
            self._lock.acquire()
            cleanup.callback(self._lock.release)
            # SeaweedFS first: it comes up while Kafka formats its data folder.
            for server in self._servers():
                cleanup.callback(server.stop)
                server.launch()
            # Undone first: both are asked to end before the wait for either.
            cleanup.callback(self._terminate)
            for server in self._servers():
                server.wait_until_ready()
            self._lock.note(
                kafka_bootstrap_servers=self.kafka_bootstrap_servers, s3_endpoint=self.s3_endpoint
            )
            self._cleanup = cleanup.pop_all()
        logger.info("stack is ready", extra={"kafka": self.kafka_bootstrap_servers})
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what was started, both at once, and free the data folder."""
        self._cleanup.close()

    def _servers(self) -> list[EmbeddedServer]:
        return [part for part in (self._s3, self._kafka) if isinstance(part, EmbeddedServer)]

    def _terminate(self) -> None:
        for server in self._servers():
            server.terminate()
