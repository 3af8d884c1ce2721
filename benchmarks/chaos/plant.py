"""The system under test: servers, our processes, and a supervisor in an orchestrator's place."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from unittest.mock import patch

from benchmarks.chaos.cluster import Brokers
from stream_app.config import Settings, read_settings
from stream_app.embedded.kafka import EmbeddedKafka
from stream_app.embedded.process import ChildProcess
from stream_app.embedded.seaweedfs import EmbeddedSeaweedFS
from stream_app.kafka.topics import create_topics
from stream_app.supervise import AGENTS, command_line

__all__ = ["SESSION_TIMEOUT_S", "Plant", "planted"]

SESSION_TIMEOUT_S = 4.0
CALL_TIMEOUT_S = 5.0
LOOK_EVERY_S = 0.2
NUM_WORKERS = 2


class Plant:
    """Processes by name, started again when they end by themselves.

    `deaths` counts by name how often that was. `faults` is the folder in which orders to the
    workers' engines lie.
    """

    def __init__(
        self,
        brokers: Brokers,
        storage: EmbeddedSeaweedFS,
        folder: Path,
        *,
        storage_away_s: float,
        careless: bool,
    ) -> None:
        self.brokers = brokers.nodes
        self.storage = storage
        self.storage_away_s = storage_away_s
        self.faults = folder / "faults"
        self.deaths: Counter[str] = Counter()
        self._folder = folder
        self._worker = [sys.executable, "-m", "benchmarks.chaos.worker", str(self.faults)]
        self._worker += ["--careless"] if careless else []
        self._running: dict[str, ChildProcess] = {}
        self._meant_to_be_down: set[str] = set()
        self._coming_back: set[asyncio.Task[None]] = set()
        self._numbers = count(1)

    def __getitem__(self, name: str) -> ChildProcess:
        return self._running[name]

    @property
    def names(self) -> list[str]:
        """Names of all processes."""
        return list(self._running)

    @property
    def workers(self) -> list[str]:
        """Names of the workers."""
        return [name for name in self._running if name.startswith("worker")]

    def start(self) -> None:
        """Start the agents and the workers."""
        self.faults.mkdir(parents=True)
        for name, arguments in AGENTS.items():
            self._start(name, command_line(*arguments))
        for _ in range(NUM_WORKERS):
            self.add_worker()

    def add_worker(self) -> str:
        """Start one more worker, and return its name."""
        name = f"worker-{next(self._numbers)}"
        self._start(name, self._worker)
        return name

    def remove(self, name: str, deadline_s: float) -> None:
        """Stop a process for good, in order."""
        self._meant_to_be_down.add(name)
        self._running[name].stop(deadline_s)
        del self._running[name]

    async def lose(self, broker: EmbeddedKafka, away_s: float) -> None:
        """Kill one of several brokers; it comes back by itself. Never are two away."""
        await self.all_brokers()
        await asyncio.to_thread(broker.kill)
        self._coming_back.add(asyncio.create_task(_back(broker, away_s)))

    async def all_brokers(self) -> None:
        """Wait until no broker is away."""
        await asyncio.gather(*self._coming_back)
        self._coming_back.clear()

    async def supervise(self) -> None:
        """Start again what ends, until cancelled."""
        while True:
            for name, process in list(self._running.items()):
                if name not in self._meant_to_be_down and not process.is_running():
                    self.deaths[name.partition("-")[0]] += 1
                    process.start()
            await asyncio.sleep(LOOK_EVERY_S)

    def stop(self) -> None:
        """Stop all processes."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.stop(deadline_s=30)

    def _start(self, name: str, command: list[str]) -> None:
        process = ChildProcess(name, command, self._folder / "logs" / f"{name}.log")
        process.start()
        self._running[name] = process


async def _back(broker: EmbeddedKafka, away_s: float) -> None:
    await asyncio.sleep(away_s)
    await asyncio.to_thread(broker.restart)


@contextmanager
def planted(
    home: Path,
    folder: Path,
    *,
    num_brokers: int = 1,
    storage_away_s: float = 0.0,
    careless: bool = False,
) -> Iterator[tuple[Plant, Settings]]:
    """Start the servers, create the topics, and stop everything at the end.

    The processes find all that by this process's environment, for as long.
    """
    with ExitStack() as cleanup:
        brokers = cleanup.enter_context(Brokers(home, folder / "stack", num_brokers))
        storage = cleanup.enter_context(EmbeddedSeaweedFS(folder / "stack"))
        access = storage.access
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": brokers.address,
            "STREAM_APP_REPLICATION_FACTOR": str(num_brokers),
            "S3_ENDPOINT": access.endpoint,
            "S3_ACCESS_KEY": access.access_key,
            "S3_SECRET_KEY": access.secret_key,
            "S3_SECURE": "false",
            "STREAM_APP_ENGINE": "weightless",
            "STREAM_APP_STATE_DIR": str(folder / "state"),
            "STREAM_APP_SESSION_TIMEOUT_S": str(SESSION_TIMEOUT_S),
            "STREAM_APP_CALL_TIMEOUT_S": str(CALL_TIMEOUT_S),
        }
        cleanup.enter_context(patch.dict(os.environ, environment))
        settings = read_settings()
        asyncio.run(create_topics(settings))
        plant = Plant(brokers, storage, folder, storage_away_s=storage_away_s, careless=careless)
        cleanup.callback(plant.stop)
        yield plant, settings
