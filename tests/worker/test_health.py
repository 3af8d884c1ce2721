"""What a worker says of itself while partitions come and go, and while a batch is in hand."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from stream_app.config import Settings
from stream_app.health import MAX_WORK_S, STOPPING, UNASSIGNED, Health
from stream_app.partitions.assignment import Assignment
from stream_app.worker.partition import Partition
from stream_app.worker.process import Worker
from world import ENGINE

TP = TopicPartition("t", 3)
TakeOver = Callable[[TopicPartition], Awaitable[Partition]]
NOT_TAKEN_OVER = "partition 3 of t is not taken over yet"


class Consumer:
    """Pauses and resumes nothing, and has committed nothing."""

    def pause(self, *_tps: TopicPartition) -> None:
        pass

    resume = pause

    async def committed(self, _tp: TopicPartition) -> None:
        return None

    async def seek_to_beginning(self, _tp: TopicPartition) -> None:
        pass


class Producer:
    async def stop(self) -> None:
        pass


@pytest.fixture
def health() -> Health:
    return Health([UNASSIGNED])


def assignment(take_over: TakeOver, health: Health) -> Assignment:
    idle = asyncio.Event()
    idle.set()
    return Assignment(Settings(), Consumer(), take_over, idle, on_failure=print, health=health)


async def never(_tp: TopicPartition) -> Partition:
    raise await asyncio.Future()


async def test_it_is_ready_once_its_partitions_are_taken_over(health: Health) -> None:
    restored = asyncio.Event()

    async def taken(tp: TopicPartition) -> Partition:
        await restored.wait()
        return Partition(tp, Producer())

    own = assignment(taken, health)
    assert health.not_ready() == [UNASSIGNED]
    await own.on_partitions_assigned([TP])
    assert health.not_ready() == [NOT_TAKEN_OVER]
    restored.set()
    await asyncio.gather(*own._arriving)
    assert health.not_ready() == []
    await own.on_partitions_revoked([TP])
    assert health.not_ready() == [UNASSIGNED]


async def test_a_take_over_that_is_called_off_is_not_waited_for(health: Health) -> None:
    own = assignment(never, health)
    await own.on_partitions_assigned([TP])
    await own.on_partitions_revoked([TP])
    await own.on_partitions_assigned([])
    assert health.not_ready() == []


async def test_a_spare_is_ready(health: Health) -> None:
    await assignment(never, health).on_partitions_assigned([])
    assert health.not_ready() == []


async def test_a_worker_that_stops_is_not_ready(tmp_path: Path) -> None:
    health = Health()
    worker = Worker(Settings(state_dir=tmp_path), ENGINE, health=health)
    worker.stop()
    assert health.not_ready() == [STOPPING]


async def test_a_hung_batch_speaks_against_life(tmp_path: Path) -> None:
    now = [0.0]
    health = Health(clock=lambda: now[0])
    worker = Worker(Settings(state_dir=tmp_path), ENGINE, health=health)
    has_begun = asyncio.Event()

    async def hang(_batch: object) -> None:
        has_begun.set()
        await asyncio.Future()

    worker._next_batch = lambda: {"a partition": ["a record"]}
    worker._process = hang
    working = asyncio.create_task(worker._work())
    await asyncio.wait_for(has_begun.wait(), 5)
    now[0] += MAX_WORK_S + 1
    assert health.not_alive()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert not health.not_alive()
