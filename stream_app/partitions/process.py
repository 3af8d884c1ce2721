"""A process that works a topic off, each partition with its own state, in one batch after another.

Under load a batch grows by what came during the one before, so the transactions get fewer; a record
that comes alone is worked off alone, and every view has what follows at once.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Generic, TypeVar

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition

from schemas.topics import Topic
from stream_app.config import Settings
from stream_app.deadline import end_after
from stream_app.health import UNASSIGNED, Health
from stream_app.kafka.topics import cluster_id, require_topics
from stream_app.partitions.member import Member
from stream_app.partitions.queued import QueuedPartition
from stream_app.partitions.slot import StateSlot
from stream_app.partitions.store import PartitionStore
from stream_app.partitions.takeover import TakeOver
from stream_app.probes import probes
from stream_app.stop_signal import on_stop_signal

__all__ = ["PartitionProcess", "run_process"]

logger = structlog.get_logger(__name__)

# Beyond the drain: closing stores and connections.
CLOSE_S = 5.0

P = TypeVar("P", bound=QueuedPartition)


class PartitionProcess(ABC, Generic[P]):
    """Works off `source`; its partitions' states lie on the `changelogs`, in that order.

    `own` makes a partition of its producer and its stores. `on_end` is called when the end begins;
    `health` is told what is there and what is in hand.
    """

    name: ClassVar[str]

    def __init__(
        self,
        settings: Settings,
        on_end: Callable[[], object],
        health: Health,
        *,
        source: Topic,
        changelogs: Sequence[Topic],
        own: Callable[[TopicPartition, AIOKafkaProducer, Sequence[PartitionStore]], P],
    ) -> None:
        self.settings = settings
        self.group = settings.group(self.name)
        self._health = health
        self._source = source.name
        self._slot = StateSlot(settings.state_dir_of(self.name))
        self._take_over = TakeOver(
            settings,
            self.group,
            self._slot.directory,
            changelogs={self._source: [topic.name for topic in changelogs]},
            own=own,
        )
        self.member = Member(settings, self.group, self.take_over, health, on_end)

    @abstractmethod
    async def work_off(self, partition: P) -> None:
        """Work off the first records of a partition that has some."""

    async def take_over(self, tp: TopicPartition) -> P:
        """Return a partition that is to be ours, with its producer and its state.

        Raises:
            TimeoutError: If the last owner's transaction can't be ended.
            KafkaError: If a topic can't be read.
        """
        return await self._take_over(tp)

    def stop(self) -> None:
        """Finish the batch in hand, commit, and leave the group."""
        self.member.stop()

    async def run(self) -> None:
        """Work until `stop`.

        Raises:
            MissingTopicsError: If the topics aren't there, or not alike in partitions.
            KafkaError: If the broker is gone for longer than the clients' own retries, or a
                partition's state could not be restored.
        """
        await require_topics(self.settings, self.name)
        self._take_over.cluster_id = await cluster_id(self.settings)
        try:
            await self.member.run(self._start())
            await self.member.run(self.member.poll(), self._work())
        finally:
            await self.member.leave()
            self._slot.release()
            logger.info("process stopped", process=self.name)

    async def _start(self) -> None:
        await self.member.join([self._source])
        logger.info("process started", process=self.name)

    async def _work(self) -> None:
        member = self.member
        while not member.is_stopping:
            waiting = [one for one in member.assignment.of_topic(self._source) if one.has_work]
            if not waiting:
                member.work_to_do.clear()
                await member.work_to_do.wait()
                continue
            member.idle.clear()
            try:
                with self._health.work():
                    await self._work_off_all(waiting)
            finally:
                member.idle.set()

    async def _work_off_all(self, waiting: list[P]) -> None:
        ended = await asyncio.gather(*map(self.work_off, waiting), return_exceptions=True)
        # After all have ended: none is to go on beside what its error brings about.
        for error in ended:
            if error is not None:
                raise error


async def run_process(
    settings: Settings,
    process_of: Callable[[Settings, Callable[[], object], Health], PartitionProcess[P]],
) -> None:
    """Work until SIGTERM or SIGINT; then the process ends within `drain_s` and five seconds."""
    health = Health([UNASSIGNED])
    within_s = settings.drain_s + CLOSE_S
    async with probes(settings, health):
        process = process_of(settings, partial(end_after, within_s), health)
        on_stop_signal(process.stop, within_s=within_s)
        await process.run()
