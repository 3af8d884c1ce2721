"""The log through topics and processes: the lists that those who answer live write to rankings.

Everything is sent in its time: an item before the first event that may have it listed, once the
events before have been answered, and that event once the item has been read. So each answer rests
on the same items as `stream_app.replay.run` gives it.
"""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka import AIOKafkaProducer, ConsumerRecord

from schemas.codec import Poison, decode, encode
from schemas.dead_letter import DeadLetter
from schemas.interaction import Interaction
from schemas.item import Item
from schemas.ranking import Ranking
from stream_app.config import Settings
from stream_app.embedded.process import ChildProcess
from stream_app.kafka.compacted import TopicView
from stream_app.kafka.producer import reliable_producer
from stream_app.replay.arrivals import arrival_moments
from stream_app.replay.errors import ReplayError
from stream_app.replay.journal import Answer, Header, InMemory
from stream_app.replay.plan import Turn, turns_of
from stream_app.replay.queries import Query
from stream_app.replay.run import Replayed, Sink, answer_of, answer_queries
from stream_app.replay.through_kafka.beside import beside
from stream_app.replay.through_kafka.counting import count_signals
from stream_app.replay.through_kafka.deployment import deployed, environment, settings_of_replay
from stream_app.replay.through_kafka.items import with_stored_pictures
from stream_app.replay.through_kafka.seen import Seen
from stream_app.replay.through_kafka.sending import (
    Pace,
    require_times,
    send_events,
    stretches,
)
from stream_app.show import Progress
from stream_app.supervise import PROCESSES, running, watch

__all__ = ["Through", "answer_through_kafka"]

# Nothing here asks for reasons, which is all that the publish agent would add.
NEEDED = ("ingest", "profile", "worker")


@dataclass(frozen=True)
class Through:
    """On whose servers a deployment for the replay is made, and how events go through it.

    `header` says what is replayed, and names the deployment. `pictures` is the folder of the
    catalogue's, `work` one for logs and state; `speed` is how many times as fast as the log's
    clock, None flat out.
    """

    settings: Settings
    header: Header
    pictures: Path
    work: Path
    speed: float | None = None


def answer_through_kafka(
    through: Through,
    by: Replayed,
    log: Sequence[Interaction],
    queries: Sequence[Query],
    journal: Sink,
    *,
    learned: int | None,
    progress: Progress,
) -> None:
    """Answer the queries by the lists behind the users' previous events, all in one batch.

    Who has no event yet has no list: that query is answered here, as `answer_queries` does it.
    What is counted of all users is counted of the first `learned` events; None has the signals
    process go on beside the worker, as live, and a list may miss the counts of the last moments.

    Raises:
        ReplayError: If a record was set aside, or the same is being replayed already.
        StartError: If a process ends.
        KafkaError: If the broker is gone.
    """
    if journal.num_batches:
        return
    require_times(log)
    alone = InMemory()
    first = [query for query in queries if not query.num_history]
    answer_queries(by, log, first, alone, learned=learned, progress=progress)
    with TemporaryDirectory(prefix="state-", dir=through.work) as state_dir:
        own = settings_of_replay(through.settings, through.header, Path(state_dir))
        replaying = _Replaying(own, through, by.items, log, queries, progress)
        asyncio.run(_interruptible(replaying, learned))
    answers = {one.ranked.query_id: one for one in alone.answers} | replaying.answers
    journal.write({}, [answers[query.query_id] for query in queries])


async def _interruptible(replaying: "_Replaying", learned: int | None) -> None:
    # SIGTERM too is to leave nothing behind: as Ctrl-C, it cancels what runs.
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, signal.raise_signal, signal.SIGINT)
    await replaying.run(learned)


class _Replaying:
    """One log on its way through the deployment that `settings` name.

    `answers` by query id are complete when `run` returns.
    """

    def __init__(
        self,
        settings: Settings,
        through: Through,
        items: Mapping[str, Item],
        log: Sequence[Interaction],
        queries: Sequence[Query],
        progress: Progress,
    ) -> None:
        self.answers: dict[str, Answer] = {}
        self._settings = settings
        self._items = items
        self._log = log
        self._asked = _asked_behind(log, queries)
        self._through = through
        self._progress = progress
        self._pace = Pace(log[0].occurred_at, through.speed)
        self._num_answered = 0

    async def run(self, learned: int | None) -> None:
        """Send everything through a deployment that is there for as long."""
        settings, logs = self._settings, self._through.work / "logs"
        commands = {name: PROCESSES[name] for name in NEEDED}
        async with deployed(settings):
            if learned is None:
                commands["signals"] = PROCESSES["signals"]
            elif learned:
                await count_signals(settings, self._log[:learned], logs)
            async with with_stored_pictures(
                settings, self._items, self._through.pictures, self._progress
            ) as items:
                with running(
                    commands, logs, environment=environment(settings), drain_s=settings.drain_s
                ) as processes:
                    await self._send_all(items, processes)

    async def _send_all(self, items: Mapping[str, Item], processes: Sequence[ChildProcess]) -> None:
        settings = self._settings
        topics = settings.topics
        profiled = Seen(settings, topics.item_profiles.name, _key)
        answered = Seen(settings, topics.rankings.name, self._take)
        letters = TopicView(settings, topics.dead_letters.name, _refuse)
        async with AsyncExitStack() as cleanup:
            views = (profiled.view, answered.view, letters)
            for view in views:
                cleanup.push_async_callback(view.stop)
                await view.start()
            producer = await cleanup.enter_async_context(reliable_producer(settings))
            sending = self._in_time(producer, items, profiled, answered)
            await beside(sending, watch(processes), *(view.run() for view in views))

    async def _in_time(
        self,
        producer: AIOKafkaProducer,
        items: Mapping[str, Item],
        profiled: Seen,
        answered: Seen,
    ) -> None:
        topics = self._settings.topics
        for stretch in stretches(arrival_moments(self._items, self._log), len(self._log)):
            for item_id in stretch.item_ids:
                record = encode(items[item_id])
                await producer.send(topics.items.name, record, key=item_id.encode())
            # The worker has one batch in hand: what it has written it knows in the next one.
            await profiled.until(stretch.item_ids)
            await send_events(
                producer, topics.interactions.name, self._log, stretch.positions, self._pace
            )
            await answered.until([self._log[place].event_id for place in stretch.positions])

    def _take(self, record: ConsumerRecord) -> str:
        """Keep a list if a query is answered by it; return which event it answers."""
        ranking = decode(Ranking, record.value)
        if isinstance(ranking, Poison):
            raise ReplayError(f"a ranking can't be read: {ranking.reason}")
        event_id = ranking.trigger.event_id
        if (query := self._asked.get(event_id)) is not None:
            self.answers[query.query_id] = answer_of(query, ranking.candidates, ranking.degraded)
        self._num_answered += 1
        self._progress("events", self._num_answered, len(self._log))
        return event_id


def _asked_behind(log: Sequence[Interaction], queries: Sequence[Query]) -> dict[str, Query]:
    """Return by event id the query that the list behind it answers."""
    turns = (turn for own in turns_of(log, queries).values() for turn in own)
    return {
        turn.event.event_id: turn.query
        for turn in turns
        if isinstance(turn, Turn) and turn.query is not None
    }


def _key(record: ConsumerRecord) -> str:
    return str(record.key.decode())


def _refuse(record: ConsumerRecord) -> None:
    letter = DeadLetter.from_headers(record.headers)
    raise ReplayError(
        f"{letter.stage} set aside {_key(record)} of {letter.topic}: {letter.error}: "
        f"{letter.message}; the lists behind it would be others, or none"
    )
