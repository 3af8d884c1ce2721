"""The lists that answer a partition's events, read beside them.

A reader for each partition, since a group's consumer takes its topics over one by one: only when
the partition's last owner is shut out is it known how far the lists have been judged.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from schemas.codec import Poison, decode
from schemas.recommendation import Recommendation
from schemas.user_lists import RememberedList
from stream_app.config import Settings
from stream_app.kafka.connection import client_options
from stream_app.quality.judge import remembered

__all__ = ["Arrived", "ListReader"]

logger = structlog.get_logger(__name__)

POLL_MS = 200
FULL = 2000


class Arrived(NamedTuple):
    """A list, whose it is, and where it lies."""

    user_id: str
    one: RememberedList
    offset: int


class ListReader:
    """Reads one partition of recommendations from what `group` has committed; first the oldest.

    `waiting` are those that have come and were not taken yet. `on_arrival` is called when there are
    more, `on_failure` when it can't be read.
    """

    def __init__(
        self,
        settings: Settings,
        group: str,
        partition: int,
        on_arrival: Callable[[], object],
        on_failure: Callable[[BaseException], object],
    ) -> None:
        self.tp = TopicPartition(settings.topics.recommendations.name, partition)
        self.waiting: deque[Arrived] = deque()
        self._consumer = AIOKafkaConsumer(
            **client_options(settings),
            # It reads what the group has committed, and joins nothing: its partition is assigned.
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        self._on_arrival = on_arrival
        self._on_failure = on_failure
        self._position = -1
        self._is_leaving = False
        self._has_warned = False
        self._changed = asyncio.Event()
        self._has_room = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect, and read from now on.

        Raises:
            KafkaError: If the broker is gone.
        """
        await self._consumer.start()
        self._consumer.assign([self.tp])
        self._reading = asyncio.create_task(self._read())
        self._reading.add_done_callback(self._ended)

    async def committed(self, tp: TopicPartition) -> int:
        """Return the offset from which the group goes on with a partition, 0 for the first."""
        return await self._consumer.committed(tp) or 0

    async def has_come(self) -> bool:
        """Wait until some of what the topic holds now waits here, or all of it has been taken.

        Returns:
            True if all of it has come. When the end begins it returns at once.

        Raises:
            KafkaError: If the broker is gone for longer than the client's own retries.
        """
        if self.waiting or self._is_leaving:
            return False
        end = int((await self._consumer.end_offsets([self.tp]))[self.tp])
        while self._position < end and not self.waiting and not self._is_leaving:
            self._changed.clear()
            await self._changed.wait()
        return self._position >= end

    def take(self) -> Arrived:
        """Remove and return the first list."""
        self._has_room.set()
        return self.waiting.popleft()

    def leave(self) -> None:
        """Keep nobody waiting any more."""
        self._is_leaving = True
        self._changed.set()

    async def close(self) -> None:
        """Disconnect."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._consumer.stop()

    async def _read(self) -> None:
        while True:
            batches = await self._consumer.getmany(timeout_ms=POLL_MS)
            if records := batches.get(self.tp, []):
                # Off the event loop: a list with all its candidates has many KB.
                self.waiting.extend(await asyncio.to_thread(self._arrived, records))
                self._on_arrival()
            # The position, not the last record's offset: markers of transactions take offsets too.
            self._position = await self._consumer.position(self.tp)
            self._changed.set()
            while len(self.waiting) >= FULL:
                self._has_room.clear()
                await self._has_room.wait()

    def _ended(self, reading: asyncio.Task[None]) -> None:
        if not reading.cancelled() and (error := reading.exception()) is not None:
            self.leave()
            self._on_failure(error)

    def _arrived(self, records: Iterable[ConsumerRecord]) -> list[Arrived]:
        return [found for record in records if (found := self._list_of(record)) is not None]

    def _list_of(self, record: ConsumerRecord) -> Arrived | None:
        found = decode(Recommendation, record.value or b"")
        if isinstance(found, Poison) or found.user_id.encode() != record.key:
            return None
        if found.trigger.source.partition == record.partition:
            return Arrived(found.user_id, remembered(found), record.offset)
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "lists can't be judged: the events that they answer lie on another partition; have "
                "interactions written with Kafka's default partitioner",
                interactions=found.trigger.source.partition,
                recommendations=record.partition,
            )
        return None
