"""Events of a few users, one after the other, while what answers them is changed."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Literal

from kafka_io import produce, read_count, read_until
from models.engine import Engine
from records import enriched, item
from schemas.codec import decode
from schemas.ranking import Ranking
from schemas.user_preference import UserPreference
from stream_app.config import Settings
from stream_app.worker.process import Worker

ITEMS = [item(number) for number in range(12)]
USERS = [f"user-{number}" for number in range(10)]


@asynccontextmanager
async def running(settings: Settings, engine: Engine):
    """A worker in this process, whose failure fails the test."""
    worker = Worker(settings, engine)
    task = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        worker.stop()
        await task


class Flow:
    """Events of all users in turn; always some of them are on their way.

    `by` is the field of versions that names what is changed.
    """

    def __init__(self, settings: Settings, by: Literal["adapter", "fusion"] = "adapter") -> None:
        self._settings = settings
        self._by = by
        self.num_sent = 0

    async def send(self, count: int) -> None:
        history = []
        for number in range(self.num_sent, self.num_sent + count):
            user = USERS[number % len(USERS)]
            one = enriched(number, ITEMS[number % len(ITEMS)], user=user, offset=number)
            history.append((user.encode(), one))
        await produce(self._settings, self._settings.topics.interactions_enriched.name, history)
        self.num_sent += count

    async def rankings(self, count: int) -> list[Ranking]:
        topic = self._settings.topics.rankings.name
        found = [
            decode(Ranking, one.value) for one in await read_count(self._settings, topic, count)
        ]
        assert all(isinstance(one, Ranking) for one in found)
        return found

    async def until(self, reached: Callable[[dict[str, str | None]], bool]) -> None:
        """Send and send, until the users' newest rankings are by what they should."""
        async with asyncio.timeout(90):
            newest: dict[str, str | None] = {}
            while not reached(newest):
                await self.send(2 * len(USERS))
                rankings = await self.rankings(self.num_sent - len(USERS))
                newest = {one.user_id: getattr(one.versions, self._by) for one in rankings}


async def num_applied(settings: Settings, enough: int) -> int:
    """How many events the users' states include, once it is enough."""
    newest: dict[bytes, int] = {}

    def all_applied(records) -> bool:
        for record in records:
            newest[record.key] = decode(UserPreference, record.value).num_events
        return sum(newest.values()) >= enough

    await read_until(settings, settings.topics.user_preferences.name, all_applied)
    return sum(newest.values())
