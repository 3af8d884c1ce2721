"""The signals process: poll, count, and write what changed in one transaction with the offset.

Under load a batch grows by what came during the one before, so the transactions get fewer; an
event that comes alone is written alone, and every view has it at once.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import structlog
from aiokafka import ConsumerRecord

from models.signals.decay import Decay
from models.signals.learner import Learner
from schemas.codec import encode
from stream_app.config import Settings
from stream_app.deadline import end_after
from stream_app.health import UNASSIGNED, Health
from stream_app.kafka.topics import cluster_id, require_topics
from stream_app.partitions.member import Member
from stream_app.partitions.slot import StateSlot
from stream_app.partitions.takeover import TakeOver
from stream_app.partitions.transaction import Send, write
from stream_app.probes import probes
from stream_app.signals.counting import count
from stream_app.signals.partition import CountedPartition
from stream_app.stop_signal import on_stop_signal

__all__ = ["SignalsProcess", "run_signals"]

logger = structlog.get_logger(__name__)

# Beyond the drain: closing stores and connections.
CLOSE_S = 5.0

# With each batch so many items are looked at, in turn, whether they have faded.
LOOKED_AT = 32

Changes = dict[bytes, bytes | None]


async def run_signals(settings: Settings) -> None:
    """Count until SIGTERM or SIGINT; then the process ends within `drain_s` and five seconds."""
    health = Health([UNASSIGNED])
    within_s = settings.drain_s + CLOSE_S
    async with probes(settings, health):
        process = SignalsProcess(settings, partial(end_after, within_s), health)
        on_stop_signal(process.stop, within_s=within_s)
        await process.run()


class SignalsProcess:
    """Turns interactions into signal-users and item-signals.

    `on_end` is called when the end begins; `health` is told what is there and what is in hand.
    """

    def __init__(self, settings: Settings, on_end: Callable[[], object], health: Health) -> None:
        topics = settings.topics
        self._settings = settings
        self._health = health
        self._source = topics.interactions.name
        self._users_topic = topics.signal_users.name
        self._items_topic = topics.item_signals.name
        self._decay = Decay(timedelta(days=settings.signals_half_life_days))
        self._group = settings.group("signals")
        self._slot = StateSlot(settings.state_dir_of("signals"))
        self._take_over = TakeOver(
            settings,
            self._group,
            self._slot.directory,
            changelogs={self._source: [self._users_topic, self._items_topic]},
            own=CountedPartition,
        )
        self._member = Member(settings, self._group, self._take_over, health, on_end)

    def stop(self) -> None:
        """Finish the batch in hand, commit, and leave the group."""
        self._member.stop()

    async def run(self) -> None:
        """Work until `stop`.

        Raises:
            MissingTopicsError: If the topics aren't there, or not alike in partitions.
            KafkaError: If the broker is gone for longer than the clients' own retries, or a
                partition's state could not be restored.
        """
        await require_topics(self._settings, "signals")
        self._take_over.cluster_id = await cluster_id(self._settings)
        try:
            await self._member.run(self._start())
            await self._member.run(self._member.poll(), self._work())
        finally:
            await self._member.leave()
            self._slot.release()
            logger.info("signals stopped")

    async def _start(self) -> None:
        await self._member.join([self._source])
        logger.info("signals started")

    async def _work(self) -> None:
        member = self._member
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

    async def _work_off_all(self, waiting: list[CountedPartition]) -> None:
        ended = await asyncio.gather(*map(self._work_off, waiting), return_exceptions=True)
        # After all have ended: none is to go on beside what its error brings about.
        for error in ended:
            if error is not None:
                raise error

    async def _work_off(self, partition: CountedPartition) -> None:
        records = partition.take()
        learner = partition.learner(self._decay)
        # Off the event loop: heartbeats go on meanwhile.
        await asyncio.to_thread(_count, partition, learner, records)
        if self._member.assignment.is_ours(partition):
            await self._member.is_written(
                partition, self._write(partition, learner, records[-1].offset + 1)
            )

    async def _write(self, partition: CountedPartition, learner: Learner, next_offset: int) -> None:
        users: Changes = {
            user_id.encode(): None if user is None else encode(user)
            for user_id, user in learner.users.items()
        }
        items: Changes = {
            item_id.encode(): None if item is None else encode(item)
            for item_id, item in learner.items.items()
        }
        number = partition.tp.partition
        sends = [
            Send(topic, key, value, number)
            for topic, changes in ((self._users_topic, users), (self._items_topic, items))
            for key, value in changes.items()
        ]
        written = await write(partition, sends, next_offset, self._group)
        offsets = [one.offset + 1 for one in written]
        partition.users.write(users, max(offsets[: len(users)], default=0))
        partition.items.write(items, max(offsets[len(users) :], default=0))


def _count(partition: CountedPartition, learner: Learner, records: list[ConsumerRecord]) -> None:
    count(learner, records)
    learner.drop_faded(partition.next_items(LOOKED_AT))
