"""What has come on a topic, by id, and the wait for more: the barriers of a replay."""

import asyncio
from collections.abc import Callable, Collection

from aiokafka import ConsumerRecord

from stream_app.config import Settings
from stream_app.kafka.compacted import TopicView

__all__ = ["Seen"]


class Seen:
    """Keeps the ids that committed records of a topic have; `view` is to be started and run."""

    def __init__(
        self, settings: Settings, topic: str, id_of: Callable[[ConsumerRecord], str]
    ) -> None:
        self.view = TopicView(settings, topic, self._add)
        self._id_of = id_of
        self._ids: set[str] = set()
        self._awaited: set[str] = set()
        self._all_here = asyncio.Event()

    async def until(self, ids: Collection[str]) -> None:
        """Wait until all of these have come."""
        self._awaited = set(ids) - self._ids
        if self._awaited:
            self._all_here.clear()
            await self._all_here.wait()

    def _add(self, record: ConsumerRecord) -> None:
        found = self._id_of(record)
        self._ids.add(found)
        self._awaited.discard(found)
        if not self._awaited:
            self._all_here.set()
