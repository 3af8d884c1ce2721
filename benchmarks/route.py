"""A way of events through topics, and how fast it is."""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, islice
from operator import itemgetter
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from schemas.codec import encode
from schemas.interaction import Interaction
from stream_app.config import Settings
from stream_app.kafka.connection import client_options

__all__ = ["NO_ANSWER_S", "NUM_ITEMS", "Figures", "Route", "percentiles_ms", "some_events"]

NUM_ITEMS = 500
NUM_USERS = 200
WARM_UP = 200
NUM_PROBES = 200
PACED_S = 15.0
NO_ANSWER_S = 120.0


@dataclass(frozen=True)
class Figures:
    """What one path from a topic to another did.

    Milliseconds are of one event after the other, and of events at the steady rate that is asked
    for, whether the path keeps up or not.
    """

    path: str
    events_per_s: float
    alone_p50_ms: float
    alone_p99_ms: float
    paced_p50_ms: float
    paced_p99_ms: float


class Route:
    """A way through the system: events go in at `source`, answers come out at `sink`.

    `event_id_of` finds in an answer's JSON which event it answers.
    """

    def __init__(
        self,
        settings: Settings,
        name: str,
        source: str,
        sink: str,
        event_id_of: Callable[[Any], str] = itemgetter("event_id"),
    ) -> None:
        self.settings = settings
        self.name = name
        self.source = source
        self.sink = sink
        self._event_id_of = event_id_of

    async def measure(self, run: str, options: argparse.Namespace) -> Figures:
        """Send many at once for throughput; others one by one, and at a rate, for latency.

        No event is sent twice: it would be known, and not answered again.
        """
        events = iter(some_events(run))
        num_paced = round(PACED_S * options.rate)
        async with self.ends() as (producer, consumer):
            await self.flat_out(producer, consumer, list(islice(events, WARM_UP)))
            many = list(islice(events, options.events))
            elapsed_s = await self.flat_out(producer, consumer, many)
            alone_s = [
                await self.flat_out(producer, consumer, [event])
                for event in islice(events, NUM_PROBES)
            ]
            paced = list(islice(events, num_paced))
            paced_s = await self._paced(producer, consumer, paced, options.rate)
        return Figures(
            self.name,
            round(options.events / elapsed_s, 1),
            *percentiles_ms(alone_s),
            *percentiles_ms(paced_s),
        )

    async def _paced(
        self,
        producer: AIOKafkaProducer,
        consumer: AIOKafkaConsumer,
        events: Sequence[Interaction],
        rate: float,
    ) -> list[float]:
        """Send at a rate, and return each event's seconds from when it was due to its answer."""
        started = time.perf_counter()
        due = {event.event_id: started + number / rate for number, event in enumerate(events)}

        async def send() -> None:
            for event in events:
                await asyncio.sleep(max(0.0, due[event.event_id] - time.perf_counter()))
                await producer.send(self.source, encode(event), key=event.user_id.encode())

        latencies_s: list[float] = []
        sending = asyncio.create_task(send())
        async with asyncio.timeout(NO_ANSWER_S):
            while due:
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    now = time.perf_counter()
                    for record in records:
                        event_id = self._event_id_of(orjson.loads(record.value))
                        latencies_s.append(now - due.pop(event_id))
        await sending
        return latencies_s

    async def flat_out(
        self,
        producer: AIOKafkaProducer,
        consumer: AIOKafkaConsumer,
        events: Sequence[Interaction],
    ) -> float:
        """Send events, wait for as many answers, and return the seconds from first to last.

        Raises:
            TimeoutError: If an answer doesn't come.
        """
        started = time.perf_counter()
        for event in events:
            await producer.send(self.source, encode(event), key=event.user_id.encode())
        answered = 0
        async with asyncio.timeout(NO_ANSWER_S):
            while answered < len(events):
                batches = await consumer.getmany(timeout_ms=1000)
                answered += sum(map(len, batches.values()))
        return time.perf_counter() - started

    @asynccontextmanager
    async def ends(self) -> AsyncIterator[tuple[AIOKafkaProducer, AIOKafkaConsumer]]:
        """Open both ends; only what comes after that is read."""
        options = client_options(self.settings)
        consumer = AIOKafkaConsumer(self.sink, **options, isolation_level="read_committed")
        async with AIOKafkaProducer(**options) as producer, consumer:
            await consumer.seek_to_end()
            for tp in consumer.assignment():
                await consumer.position(tp)
            yield producer, consumer


def percentiles_ms(latencies_s: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile in milliseconds."""
    in_order = sorted(latencies_s)
    return (
        round(1000 * in_order[len(in_order) // 2], 1),
        round(1000 * in_order[int(0.99 * len(in_order))], 1),
    )


def some_events(run: str, num_users: int = NUM_USERS) -> Iterator[Interaction]:
    """Yield clicks of many users on many items, the same in every run, without end."""
    for number in count():
        yield Interaction(
            event_id=f"{run}-{number}",
            user_id=f"{run}-user-{number % num_users}",
            item_id=str(number * 7 % NUM_ITEMS),
            kind="click",
            occurred_at=datetime.fromtimestamp(1_700_000_000 + number, UTC),
        )
