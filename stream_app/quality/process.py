"""The quality process: poll, judge, and write it in one transaction with the offsets."""

import asyncio
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaProducer, TopicPartition

from schemas.codec import encode
from stream_app.config import Settings
from stream_app.health import Health
from stream_app.partitions.changes import Changed, write_changes
from stream_app.partitions.observing import observe
from stream_app.partitions.process import PartitionProcess
from stream_app.partitions.store import PartitionStore
from stream_app.partitions.transaction import Send
from stream_app.quality.judge import Judge
from stream_app.quality.lists import Arrived, ListReader
from stream_app.quality.partition import JudgedPartition, Step

__all__ = ["QualityProcess"]

# With each batch so many of the oldest counts are looked at, whether they are to be forgotten.
LOOKED_AT = 8


class QualityProcess(PartitionProcess[JudgedPartition]):
    """Turns interactions and recommendations into list-users, list-outcomes and list-quality."""

    name = "quality"

    def __init__(self, settings: Settings, on_end: Callable[[], object], health: Health) -> None:
        topics = settings.topics
        super().__init__(
            settings,
            on_end,
            health,
            source=topics.interactions,
            changelogs=[topics.list_users, topics.list_quality],
            own=self._own,
        )

    def _own(
        self, tp: TopicPartition, producer: AIOKafkaProducer, stores: Sequence[PartitionStore]
    ) -> JudgedPartition:
        lists = ListReader(
            self.settings,
            self.group,
            tp.partition,
            on_arrival=self.member.work_to_do.set,
            on_failure=self.member.fail,
        )
        return JudgedPartition(tp, producer, stores, lists)

    async def take_over(self, tp: TopicPartition) -> JudgedPartition:
        """Return a partition that is to be ours, with its producer, its state and its lists.

        Raises:
            TimeoutError: If the last owner's transaction can't be ended.
            KafkaError: If a topic can't be read.
        """
        partition = await super().take_over(tp)
        try:
            await partition.start()
        except BaseException:
            await partition.close()
            raise
        return partition

    async def work_off(self, partition: JudgedPartition) -> None:
        """Judge by what comes first in a partition, and write what came of it."""
        steps = await partition.take()
        if not steps:
            return
        judge = partition.judge()
        # Off the event loop: heartbeats go on meanwhile.
        await asyncio.to_thread(_judge, partition, judge, steps)
        if self.member.assignment.is_ours(partition):
            await self.member.is_written(partition, self._write(partition, judge, steps))

    async def _write(self, partition: JudgedPartition, judge: Judge, steps: Sequence[Step]) -> None:
        topics = self.settings.topics
        changed = [
            Changed(topics.list_users.name, partition.users, judge.users),
            Changed(topics.list_quality.name, partition.counts, judge.tally.counts),
        ]
        sends = [
            Send(
                topics.list_outcomes.name,
                one.user_id.encode(),
                encode(one),
                partition.tp.partition,
            )
            for one in judge.outcomes
        ]
        offsets = {
            partition.lists.tp if isinstance(step, Arrived) else partition.tp: step.offset + 1
            for step in steps
        }
        await write_changes(partition, changed, offsets, self.group, sends)


def _judge(partition: JudgedPartition, judge: Judge, steps: Sequence[Step]) -> None:
    for step in steps:
        if isinstance(step, Arrived):
            judge.remember(step.user_id, step.one)
        else:
            observe(judge, step)
    judge.tally.forget_old(partition.oldest_counts(LOOKED_AT))
