"""The worker with an engine that fails on demand, or with its guards taken off.

`python -m benchmarks.chaos.worker FOLDER [--careless]`. A file `hang`, `raise` or `out-of-memory`
in the folder is taken away by the next call of the engine, which then does so.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import RecordMetadata

from models.engine import Engine, ScoreRequest
from models.errors import CapacityError, EngineError
from models.weightless import WeightlessEngine
from stream_app.config import Settings, read_settings
from stream_app.kafka.producer import new_producer
from stream_app.log import configure_logging
from stream_app.partitions import takeover
from stream_app.partitions.transaction import Send, send_all
from stream_app.worker import events, run
from stream_app.worker.delivery import Delivery, States
from stream_app.worker.partition import Partition
from stream_app.worker.process import Worker

FOR_EVER_S = 3600.0
COMMIT_EVERY_S = 5.0


class FailingEngine(WeightlessEngine):
    """Fails once for each file that it finds."""

    def __init__(self, folder: Path) -> None:
        self._faults: dict[str, Callable[[int], None]] = {
            "hang": _hang,
            "raise": _raise,
            "out-of-memory": _run_out_of_memory,
        }
        self._folder = folder

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        """Score, or fail. Summaries never fail here: a state would rightly differ without one."""
        for name, fail in self._faults.items():
            order = self._folder / name
            if order.exists():
                order.unlink(missing_ok=True)
                fail(len(requests))
        return super().score(requests)


def _hang(_: int) -> None:
    time.sleep(FOR_EVER_S)


def _raise(_: int) -> None:
    raise EngineError("told to fail")


def _run_out_of_memory(size: int) -> None:
    if size > 1:
        raise CapacityError(f"told to run out of memory with {size} users")


class CarelessDelivery(Delivery):
    """Writes without a transaction, and commits every few seconds, as consumers do by default."""

    consumer: AIOKafkaConsumer
    _committed_at = 0.0

    async def _write(
        self, partition: Partition, states: States, sends: list[Send], next_offset: int | None
    ) -> list[RecordMetadata]:
        to_write = [self._state(partition, *state) for state in states.items()]
        written = await send_all(partition.producer, to_write)
        await send_all(partition.producer, sends)
        if next_offset is not None and time.monotonic() > self._committed_at + COMMIT_EVERY_S:
            await self.consumer.commit({partition.tp: next_offset})
            self._committed_at = time.monotonic()
        return written


class CarelessWorker(Worker):
    """Knows no transaction, and applies what it is given, whether it has it or not."""

    def __init__(self, settings: Settings, engine: Engine, **options: Any) -> None:  # noqa: ANN401  # as they are
        super().__init__(settings, engine, **options)
        delivery = CarelessDelivery(settings.topics, settings.group("worker"))
        delivery.consumer = self._member.consumer
        self._delivery = delivery


def be_careless() -> None:
    """Take off what the drills are to prove necessary."""
    events.Applied.includes = lambda *_: False  # type: ignore[method-assign]  # likewise
    takeover.new_producer = lambda settings, _: new_producer(settings)
    run.Worker = CarelessWorker  # type: ignore[misc]  # the guards come off by replacing the class


def main() -> None:
    """Run the worker until it is told to stop, or hangs."""
    folder, careless = Path(sys.argv[1]), "--careless" in sys.argv
    if careless:
        be_careless()
    run.load_engine = lambda _: FailingEngine(folder)
    settings = read_settings()
    configure_logging(settings.log_level)
    asyncio.run(run.run_worker(settings))


if __name__ == "__main__":
    main()
