"""What the two embedded servers share: free ports, a child process, a wait until it answers."""

import logging
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from stream_app.embedded.errors import StartError
from stream_app.embedded.ports import free_ports
from stream_app.embedded.process import ChildProcess

__all__ = ["EmbeddedServer"]

logger = logging.getLogger(__name__)

START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 20.0
POLL_INTERVAL_S = 0.05
# Losing a freshly chosen port to another process is rare; losing three in a row is another fault.
MAX_LAUNCHES = 3
# How Java and Go say it; the third is SeaweedFS's own look before it binds.
PORT_TAKEN = ("address already in use", "port already in use", "is not available on 127.0.0.1")


class EmbeddedServer(ABC):
    """One server on loopback ports of its own.

    Start it from a thread that lives as long as the server shall (see `ChildProcess`).

    Args:
        name: What log lines and errors call it.
        log_path: File that its output is appended to.
        port: The port that clients use; None takes a free one at each launch.
        num_ports: How many ports it opens, the clients' port included.
    """

    def __init__(self, name: str, log_path: Path, *, port: int | None, num_ports: int) -> None:
        self.name = name
        self.ports: list[int] = []
        self._log_path = log_path
        self._port = port
        self._num_ports = num_ports
        self._num_launches = 0
        self._child: ChildProcess | None = None

    @abstractmethod
    def _prepare(self) -> ChildProcess:
        """Write its configuration for `self.ports` and return the process to start."""

    @abstractmethod
    def _answers(self) -> bool:
        """Return whether this very server, not another on its port, serves requests now."""

    @property
    def address(self) -> str:
        """Host and port for clients."""
        return f"127.0.0.1:{self.ports[0]}"

    @property
    def pid(self) -> int:
        """Process id of the last launch."""
        return self._launched().pid

    def launch(self) -> None:
        """Start the process on ports that are free now, and return before it answers."""
        self.ports = self._choose_ports()
        self._num_launches += 1
        self._child = self._prepare()
        self._child.start()

    def wait_until_ready(self, deadline_s: float = START_DEADLINE_S) -> None:
        """Return when it serves requests; launch it again if another process took its port.

        Raises:
            StartError: If it ended, or is silent after `deadline_s` seconds; with its log's end.
        """
        deadline = time.monotonic() + deadline_s
        while not (self._launched().is_running() and self._answers()):
            if self._lost_its_port():
                logger.info("port was taken, trying others", extra={"server": self.name})
                self.launch()
            self._launched().raise_if_ended()
            if time.monotonic() > deadline:
                tail = self._launched().log_tail()
                raise StartError(f"{self.name} does not answer after {deadline_s:.0f} s; {tail}")
            time.sleep(POLL_INTERVAL_S)
        logger.info("server is ready", extra={"server": self.name, "address": self.address})

    def start(self) -> None:
        """Launch it and wait until it serves; if it doesn't, leave no process behind.

        Raises:
            StartError: If it ended or stays silent; with the end of its log.
        """
        try:
            self.launch()
            self.wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def restart(self) -> None:
        """Start it again on the ports it had, after `kill` or `stop`, and wait until it serves.

        Raises:
            StartError: If it runs, or ended, or stays silent.
        """
        self._launched().start()
        self.wait_until_ready()

    def terminate(self) -> None:
        """Ask it to end and return at once."""
        if self._child is not None:
            self._child.terminate()

    def stop(self, deadline_s: float = STOP_DEADLINE_S) -> None:
        """Ask it to end, and kill it if it has not after `deadline_s` seconds."""
        if self._child is not None:
            self._child.stop(deadline_s)

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if self._child is not None:
            self._child.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _choose_ports(self) -> list[int]:
        ports = free_ports(self._num_ports)
        if self._port is not None:
            ports[0] = self._port
        return ports

    def _launched(self) -> ChildProcess:
        if self._child is None:
            raise StartError(f"{self.name} was never launched")
        return self._child

    def _lost_its_port(self) -> bool:
        child = self._launched()
        if self._port is not None or self._num_launches >= MAX_LAUNCHES or child.is_running():
            return False
        log = child.log_tail().lower()
        return any(words in log for words in PORT_TAKEN)
