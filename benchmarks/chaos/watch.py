"""What comes out while the drills run: which event has been answered, and how often."""

import asyncio
import time
from collections import Counter
from typing import TypeVar

from aiokafka import AIOKafkaConsumer

from schemas.codec import Poison, decode
from schemas.ranking import Ranking
from schemas.recommendation import Recommendation
from schemas.record import Record
from stream_app.config import Settings
from stream_app.kafka.connection import client_options

__all__ = ["Watch", "record_of"]

R = TypeVar("R", bound=Record)

POLL_MS = 200


class Watch:
    """Reads committed rankings and recommendations from their beginning, as they come."""

    def __init__(self, settings: Settings) -> None:
        self.rankings: Counter[str] = Counter()
        self.recommendations: Counter[str] = Counter()
        self._rankings_topic = settings.topics.rankings.name
        self._consumer = AIOKafkaConsumer(
            self._rankings_topic,
            settings.topics.recommendations.name,
            **client_options(settings),
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        self._news = asyncio.Condition()

    async def run(self) -> None:
        """Read until cancelled."""
        await self._consumer.start()
        try:
            while True:
                for tp, records in (await self._consumer.getmany(timeout_ms=POLL_MS)).items():
                    for record in records:
                        self._count(tp.topic, record.value)
                async with self._news:
                    self._news.notify_all()
        finally:
            await self._consumer.stop()

    async def until_answered(self, event_ids: set[str], deadline_s: float) -> float:
        """Wait until each event has a ranking and a recommendation; return the seconds it took.

        Raises:
            TimeoutError: If one has none by then.
        """
        started = time.monotonic()
        waiting = set(event_ids)

        def is_answered() -> bool:
            waiting.difference_update(
                [one for one in waiting if one in self.rankings and one in self.recommendations]
            )
            return not waiting

        try:
            async with asyncio.timeout(deadline_s), self._news:
                await self._news.wait_for(is_answered)
        except TimeoutError:
            some = sorted(waiting)[:3]
            raise TimeoutError(
                f"{len(waiting)} events without an answer after {deadline_s:.0f} s, as {some}"
            ) from None
        return time.monotonic() - started

    def _count(self, topic: str, value: bytes) -> None:
        if topic == self._rankings_topic:
            self.rankings[record_of(Ranking, value).trigger.event_id] += 1
        else:
            self.recommendations[record_of(Recommendation, value).trigger.event_id] += 1


def record_of(model: type[R], raw: bytes) -> R:
    """Return a record of ours.

    Raises:
        ValueError: If it is none: nothing else may be on our topics.
    """
    found = decode(model, raw)
    if isinstance(found, Poison):
        raise ValueError(  # noqa: TRY004  # the bytes are wrong, not a type
            f"not a {model.__name__}: {found.reason}"
        )
    return found
