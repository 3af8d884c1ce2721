"""The partitions that are ours: taken over, taken over anew after a failure, and given back."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Generic, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from stream_app.config import Settings
from stream_app.health import UNASSIGNED, Health
from stream_app.partitions.owned import OwnedPartition

__all__ = ["Assignment"]

logger = structlog.get_logger(__name__)

P = TypeVar("P", bound=OwnedPartition)


class Assignment(ConsumerRebalanceListener, Generic[P]):  # type: ignore[misc]  # aiokafka has no types
    """Assigned and complete partitions by topic and number.

    `take_over` makes a partition ours, and `on_failure` is called when it can't: answers without
    its state would overwrite it. `idle` is set while no batch is in hand. `health` is told what is
    still to be taken over. A member without a partition, in the group, lacks nothing: it is a
    spare, and an update that waits for it to be ready would wait for ever.
    """

    def __init__(
        self,
        settings: Settings,
        consumer: AIOKafkaConsumer,
        take_over: Callable[[TopicPartition], Awaitable[P]],
        idle: asyncio.Event,
        on_failure: Callable[[BaseException], None],
        health: Health,
    ) -> None:
        self._take_over = take_over
        self._settings = settings
        self._consumer = consumer
        self._idle = idle
        self._on_failure = on_failure
        self._health = health
        self._partitions: dict[TopicPartition, P] = {}
        self._arriving: set[asyncio.Task[None]] = set()

    def of_topic(self, topic: str) -> list[P]:
        """Return the topic's partitions."""
        return [partition for tp, partition in self._partitions.items() if tp.topic == topic]

    def is_ours(self, partition: P) -> bool:
        """Tell whether a partition has not been given back since."""
        return self._partitions.get(partition.tp) is partition

    def add(self, tp: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        """Take polled records in hand."""
        if tp in self._partitions:
            self._partitions[tp].add(records)
        else:
            # Fetched before its state was restored: the position must not run ahead of us.
            self._consumer.seek(tp, records[0].offset)

    def pause_full(self) -> None:
        """Stop fetching where enough is waiting, and go on where it has been worked off."""
        full = {tp for tp, partition in self._partitions.items() if partition.is_full}
        paused = self._consumer.paused() & self._partitions.keys()
        self._consumer.pause(*(full - paused))
        self._consumer.resume(*(paused - full))

    async def start_anew(self, partition: P) -> None:
        """Drop a partition whose transaction failed, and take it over again after a while.

        If another worker has fenced us, the group tells us so within the session timeout, and that
        calls it off. Else the partition is still ours, and its offset says what has been written.
        """
        if partition.is_leaving or not self.is_ours(partition):
            return
        partition.leave()
        self._consumer.pause(partition.tp)
        # Before anything is awaited, so that a rebalance finds it to call it off.
        self._expect(partition.tp, after_s=self._settings.session_timeout_s)
        await self._release([partition.tp])

    async def drain(self) -> None:
        """Let the batch in hand finish within the deadline; else leave it undone."""
        try:
            await asyncio.wait_for(self._idle.wait(), self._settings.drain_s)
        except TimeoutError:
            logger.warning("batch left uncommitted", deadline_s=self._settings.drain_s)

    async def close(self) -> None:
        """Let go of every partition."""
        await self._expect_none()
        await self._release(list(self._partitions))

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Take partitions over; each is fetched once it is."""
        for tp in assigned:
            self._consumer.pause(tp)
            self._expect(tp)
        self._health.has(UNASSIGNED)

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Give partitions back."""
        self._health.lacks(UNASSIGNED)
        for tp in revoked:
            if tp in self._partitions:
                self._partitions[tp].leave()
        await self._expect_none()
        await self.drain()
        await self._release(revoked)

    def _expect(self, tp: TopicPartition, after_s: float = 0.0) -> None:
        self._health.lacks(_unrestored(tp))
        task = asyncio.create_task(self._arrive(tp, after_s))
        self._arriving.add(task)
        task.add_done_callback(partial(self._arrived, tp))

    async def _arrive(self, tp: TopicPartition, after_s: float) -> None:
        await asyncio.sleep(after_s)
        partition = await self._take_over(tp)
        try:
            # Only now: before, the last owner may still have committed.
            await self._seek_to_committed(tp)
        except BaseException:
            await partition.close()
            raise
        self._partitions[tp] = partition
        self._consumer.resume(tp)

    async def _seek_to_committed(self, tp: TopicPartition) -> None:
        offset = await self._consumer.committed(tp)
        if offset is None:
            await self._consumer.seek_to_beginning(tp)
        else:
            self._consumer.seek(tp, offset)

    def _arrived(self, tp: TopicPartition, task: asyncio.Task[None]) -> None:
        self._health.has(_unrestored(tp))
        self._arriving.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("partition could not be taken over", exc_info=error)
            self._on_failure(error)

    async def _expect_none(self) -> None:
        tasks = list(self._arriving)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _release(self, tps: Iterable[TopicPartition]) -> None:
        released = [self._partitions.pop(tp, None) for tp in tps]
        await asyncio.gather(*[partition.close() for partition in released if partition])


def _unrestored(tp: TopicPartition) -> str:
    return f"partition {tp.partition} of {tp.topic} is not taken over yet"
