"""The signals process: poll, count, and write what changed in one transaction with the offset."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from aiokafka import ConsumerRecord

from models.signals.decay import Decay
from models.signals.learner import Learner
from stream_app.config import Settings
from stream_app.health import Health
from stream_app.partitions.changes import Changed, write_changes
from stream_app.partitions.process import PartitionProcess
from stream_app.signals.counting import count
from stream_app.signals.partition import CountedPartition

__all__ = ["SignalsProcess"]

# With each batch so many items are looked at, in turn, whether they have faded.
LOOKED_AT = 32


class SignalsProcess(PartitionProcess[CountedPartition]):
    """Turns interactions into signal-users and item-signals."""

    name = "signals"

    def __init__(self, settings: Settings, on_end: Callable[[], object], health: Health) -> None:
        topics = settings.topics
        super().__init__(
            settings,
            on_end,
            health,
            source=topics.interactions,
            changelogs=[topics.signal_users, topics.item_signals],
            own=CountedPartition,
        )
        self._decay = Decay(timedelta(days=settings.signals_half_life_days))

    async def work_off(self, partition: CountedPartition) -> None:
        """Count the first records of a partition, and write what changed."""
        records = partition.take()
        learner = partition.learner(self._decay)
        # Off the event loop: heartbeats go on meanwhile.
        await asyncio.to_thread(_count, partition, learner, records)
        if self.member.assignment.is_ours(partition):
            await self.member.is_written(
                partition, self._write(partition, learner, records[-1].offset + 1)
            )

    async def _write(self, partition: CountedPartition, learner: Learner, next_offset: int) -> None:
        topics = self.settings.topics
        changed = [
            Changed(topics.signal_users.name, partition.users, learner.users),
            Changed(topics.item_signals.name, partition.items, learner.items),
        ]
        await write_changes(partition, changed, {partition.tp: next_offset}, self.group)


def _count(partition: CountedPartition, learner: Learner, records: list[ConsumerRecord]) -> None:
    count(learner, records)
    learner.drop_faded(partition.next_items(LOOKED_AT))
