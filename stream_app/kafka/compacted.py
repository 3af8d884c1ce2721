"""A local view of a compacted topic: all its partitions, from the beginning, then live.

Every process that needs "the newest value of each key" has its own copy; there is no query to
another process, and a restart reads it anew.
"""

import asyncio
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from stream_app.config import Settings
from stream_app.kafka.connection import client_options

__all__ = ["CompactedView", "TopicView", "newest_by_key"]

Apply = Callable[[str, bytes | None], None]

POLL_MS = 200


class TopicView:
    """Feeds each record of a compacted topic to `apply`, which runs on the event loop.

    It must not block. Records without a key are skipped: a compacted topic refuses them anyway.
    """

    def __init__(
        self, settings: Settings, topic: str, apply: Callable[[ConsumerRecord], None]
    ) -> None:
        self.topic = topic
        self._apply = apply
        # No group: nothing is committed, nothing is balanced, every view sees every partition.
        self._consumer = AIOKafkaConsumer(
            topic,
            **client_options(settings),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        self._applied: dict[TopicPartition, int] = {}
        self._advanced = asyncio.Condition()

    async def start(self) -> None:
        """Connect and read to the present end, so that the first lookup finds what there is."""
        await self._consumer.start()
        partitions = sorted(self._consumer.assignment())
        self._applied = dict(await self._consumer.beginning_offsets(partitions))
        ends = await self._consumer.end_offsets(partitions)
        while any(self._applied[tp] < end for tp, end in ends.items()):
            await self._read()

    async def run(self) -> None:
        """Follow the topic until cancelled."""
        while True:
            await self._read()

    async def catch_up(self) -> None:
        """Wait until everything that the topic holds now has been applied; `run` must be running.

        This is what tells "not there" from "not here yet".
        """
        ends = await self._consumer.end_offsets(list(self._applied))
        async with self._advanced:
            await self._advanced.wait_for(
                lambda: all(self._applied[tp] >= end for tp, end in ends.items())
            )

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def _read(self) -> None:
        batches = await self._consumer.getmany(timeout_ms=POLL_MS)
        for records in batches.values():
            for record in records:
                if record.key is not None:
                    self._apply(record)
        async with self._advanced:
            for tp in self._applied:
                # The position, not the last record's offset: transaction markers take offsets too.
                self._applied[tp] = await self._consumer.position(tp)
            self._advanced.notify_all()


class CompactedView(TopicView):
    """Feeds keys and values to `apply(key, value)`; a null value is a deletion."""

    def __init__(self, settings: Settings, topic: str, apply: Apply) -> None:
        def apply_record(record: ConsumerRecord) -> None:
            apply(record.key.decode(errors="replace"), record.value)

        super().__init__(settings, topic, apply_record)


async def newest_by_key(settings: Settings, topic: str) -> dict[str, bytes]:
    """Return the newest value of each key that the topic holds now; deleted keys are left out."""
    newest: dict[str, bytes] = {}

    def apply(key: str, value: bytes | None) -> None:
        if value is None:
            newest.pop(key, None)
        else:
            newest[key] = value

    view = CompactedView(settings, topic, apply)
    try:
        await view.start()
    finally:
        await view.stop()
    return newest
