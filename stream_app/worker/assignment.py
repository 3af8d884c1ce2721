"""The partitions that are ours: taken over with their state, committed, given back in order."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError

from stream_app.config import Settings
from stream_app.worker.partition import Partition
from stream_app.worker.restore import restore
from stream_app.worker.store import PartitionStore

__all__ = ["Assignment"]

logger = structlog.get_logger(__name__)


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Assigned and complete partitions by topic and number.

    `idle` is set while no batch is in hand; `on_failure` is called when a store can't be brought
    up to its changelog, because answers without the state would overwrite it.
    """

    def __init__(
        self,
        settings: Settings,
        consumer: AIOKafkaConsumer,
        state_dir: Path,
        idle: asyncio.Event,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        # A store of another cluster must not be taken for this one's: set before subscribing.
        self.cluster_id = ""
        self._settings = settings
        self._consumer = consumer
        self._state_dir = state_dir
        self._idle = idle
        self._on_failure = on_failure
        self._partitions: dict[TopicPartition, Partition] = {}
        self._restoring: set[asyncio.Task[None]] = set()

    def of_topic(self, topic: str) -> list[Partition]:
        """Return the topic's partitions."""
        return [partition for tp, partition in self._partitions.items() if tp.topic == topic]

    def is_ours(self, partition: Partition) -> bool:
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

    async def commit(self) -> None:
        """Commit what is finished and not yet committed."""
        offsets = {
            tp: offset
            for tp, partition in self._partitions.items()
            if (offset := partition.tracker.to_commit()) is not None
        }
        if not offsets:
            return
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            # The group has moved on: the next owner reads again; states know what they have.
            logger.warning("commit refused", error=str(error))
            return
        for tp, offset in offsets.items():
            if tp in self._partitions:
                self._partitions[tp].tracker.committed(offset)

    async def drain(self) -> None:
        """Let the batch in hand finish within the deadline, and commit; else leave it undone."""
        try:
            await asyncio.wait_for(self._idle.wait(), self._settings.drain_s)
        except TimeoutError:
            logger.warning("batch left uncommitted", deadline_s=self._settings.drain_s)
        await self.commit()

    async def close(self) -> None:
        """Let go of every store."""
        await self._stop_restoring()
        self._release(list(self._partitions))

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Take partitions over; those with user state are fetched once their store is complete."""
        for tp in assigned:
            if tp.topic == self._settings.topics.interactions_enriched.name:
                self._consumer.pause(tp)
                task = asyncio.create_task(self._restore(tp))
                self._restoring.add(task)
                task.add_done_callback(self._restored)
            else:
                self._partitions[tp] = Partition(tp, store=None)

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Give partitions back."""
        await self._stop_restoring()
        for tp in revoked:
            if tp in self._partitions:
                self._partitions[tp].leave()
        await self.drain()
        self._release(revoked)

    async def _restore(self, tp: TopicPartition) -> None:
        changelog = TopicPartition(self._settings.topics.user_preferences.name, tp.partition)
        name = f"{changelog.topic}-{changelog.partition}"
        store = PartitionStore(self._state_dir / name, changelog=f"{self.cluster_id}/{name}")
        try:
            num_records = await restore(self._settings.kafka_bootstrap_servers, changelog, store)
        except BaseException:
            store.close()
            raise
        logger.info("state restored", partition=tp.partition, num_records=num_records)
        self._partitions[tp] = Partition(tp, store)
        self._consumer.resume(tp)

    def _restored(self, task: asyncio.Task[None]) -> None:
        self._restoring.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("state could not be restored", exc_info=error)
            self._on_failure(error)

    async def _stop_restoring(self) -> None:
        tasks = list(self._restoring)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _release(self, tps: Iterable[TopicPartition]) -> None:
        for tp in tps:
            if (partition := self._partitions.pop(tp, None)) is not None:
                partition.close()
