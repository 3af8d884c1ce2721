"""Where reading begins when a partition is taken over, without a broker."""

import asyncio

import pytest
from aiokafka import TopicPartition

from stream_app.config import Settings
from stream_app.health import Health
from stream_app.partitions.assignment import Assignment
from stream_app.worker.partition import Partition

TP = TopicPartition("t", 0)


class Consumer:
    """Has read 256 records, and knows what the group has committed."""

    def __init__(self, committed_offset: int | None) -> None:
        self.position = 256
        self.is_fetching = asyncio.Event()
        self._committed_offset = committed_offset

    async def committed(self, _tp: TopicPartition) -> int | None:
        return self._committed_offset

    def seek(self, _tp: TopicPartition, offset: int) -> None:
        self.position = offset

    async def seek_to_beginning(self, _tp: TopicPartition) -> None:
        self.position = 0

    def pause(self, _tp: TopicPartition) -> None:
        self.is_fetching.clear()

    def resume(self, _tp: TopicPartition) -> None:
        self.is_fetching.set()


@pytest.mark.parametrize(("committed_offset", "position"), [(None, 0), (0, 0), (7, 7)])
async def test_reading_goes_on_where_the_group_is_whatever_was_read(
    committed_offset: int | None, position: int
) -> None:
    async def taken(tp: TopicPartition) -> Partition:
        return Partition(tp, producer=None)

    consumer = Consumer(committed_offset)
    assignment = Assignment(
        Settings(), consumer, taken, asyncio.Event(), on_failure=print, health=Health()
    )
    await assignment.on_partitions_assigned([TP])
    await asyncio.wait_for(consumer.is_fetching.wait(), 5)
    assert consumer.position == position
