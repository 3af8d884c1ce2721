"""One hop and the whole chain with the engine that costs nothing: events/s and milliseconds.

`python -m benchmarks.pipeline [--events N]`. Starts Kafka, object storage and our processes on
this machine, so broker, client and all hops share its cores. The raw pass-through, measured in the
same run, is what a hop costs at least.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas.codec import encode
from schemas.interaction import Interaction
from schemas.item import Item
from stream_app.config import Settings, read_settings
from stream_app.embedded.process import ChildProcess
from stream_app.embedded.stack import Stack
from stream_app.kafka.compacted import newest_by_key
from stream_app.kafka.connection import client_options
from stream_app.kafka.topics import create_topics
from stream_app.show import Progress, progress_bars
from stream_app.supervise import PROCESSES, running

NUM_ITEMS = 500
NUM_USERS = 200
WARM_UP = 200
NUM_PROBES = 200
NO_ANSWER_S = 120.0


@dataclass(frozen=True)
class Figures:
    """What one path from a topic to another did; milliseconds are of one event after the other."""

    path: str
    events_per_s: float
    p50_ms: float
    p99_ms: float


class Route:
    """A way through the system: events go in at `source`, answers come out at `sink`."""

    def __init__(self, settings: Settings, name: str, source: str, sink: str) -> None:
        self.settings = settings
        self.name = name
        self.source = source
        self.sink = sink

    async def measure(self, events: Sequence[Interaction]) -> Figures:
        """Send all at once for throughput, but the last few one after the other for latency.

        No event is sent twice: it would be known, and not answered again.
        """
        first, rest, probes = (
            events[:WARM_UP],
            events[WARM_UP:-NUM_PROBES],
            events[-NUM_PROBES:],
        )
        async with self._ends() as (producer, consumer):
            await self._flat_out(producer, consumer, first)
            elapsed_s = await self._flat_out(producer, consumer, rest)
            latencies_s = [await self._flat_out(producer, consumer, [event]) for event in probes]
        latencies_s.sort()
        return Figures(
            self.name,
            round(len(rest) / elapsed_s, 1),
            round(1000 * latencies_s[len(latencies_s) // 2], 1),
            round(1000 * latencies_s[int(0.99 * len(latencies_s))], 1),
        )

    async def _flat_out(
        self,
        producer: AIOKafkaProducer,
        consumer: AIOKafkaConsumer,
        events: Sequence[Interaction],
    ) -> float:
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
    async def _ends(self) -> AsyncIterator[tuple[AIOKafkaProducer, AIOKafkaConsumer]]:
        options = client_options(self.settings)
        consumer = AIOKafkaConsumer(self.sink, **options, isolation_level="read_committed")
        async with AIOKafkaProducer(**options) as producer, consumer:
            await consumer.seek_to_end()
            for tp in consumer.assignment():
                await consumer.position(tp)
            yield producer, consumer


def some_events(num_events: int, run: str) -> list[Interaction]:
    """Clicks of many users on many items, the same in every run."""
    return [
        Interaction(
            event_id=f"{run}-{number}",
            user_id=f"{run}-user-{number % NUM_USERS}",
            item_id=str(number * 7 % NUM_ITEMS),
            kind="click",
            occurred_at=datetime.fromtimestamp(1_700_000_000 + number, UTC),
        )
        for number in range(num_events)
    ]


async def load_items(settings: Settings) -> None:
    """Write items without pictures."""
    topic = settings.topics.items.name
    async with AIOKafkaProducer(**client_options(settings)) as producer:
        for number in range(NUM_ITEMS):
            categories = (f"category {number % 12}",)
            item = Item(item_id=str(number), title=f"Item {number}", categories=categories)
            await producer.send(topic, encode(item), key=item.item_id.encode())


async def until_profiled(settings: Settings, num_items: int, progress: Progress) -> None:
    """Wait until every item has its profile; the first may wait for a model to load."""
    topic, num_profiled, waited = settings.topics.item_profiles.name, 0, time.monotonic()
    while num_profiled < num_items:
        found = len(await newest_by_key(settings, topic))
        if found > num_profiled:
            num_profiled, waited = found, time.monotonic()
            progress("profiles", num_profiled, num_items)
        if time.monotonic() - waited > NO_ANSWER_S:
            raise TimeoutError(f"{num_profiled} of {num_items} profiles after {NO_ANSWER_S:.0f} s")


async def measure_raw(settings: Settings, num_events: int, logs: Path) -> Figures:
    """Measure the pass-through."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    ends = [NewTopic(f"raw-{end}", settings.partitions, 1) for end in ("in", "out")]
    await admin.create_topics(ends)
    await admin.close()
    command = [sys.executable, "-m", "benchmarks.passthrough", "raw-in", "raw-out"]
    with ChildProcess("raw", command, logs / "raw.log"):
        route = Route(settings, "raw aiokafka pass-through", "raw-in", "raw-out")
        return await route.measure(some_events(WARM_UP + num_events + NUM_PROBES, "raw"))


async def measure_hop(settings: Settings, num_events: int, logs: Path) -> Figures:
    """Measure the ingest agent alone, in topics of its own."""
    settings = settings.model_copy(update={"topic_prefix": "hop."})
    await create_topics(settings)
    await load_items(settings)
    topics = settings.topics
    with running({"ingest": PROCESSES["ingest"]}, logs, **of(settings)):
        source, sink = topics.interactions.name, topics.interactions_enriched.name
        route = Route(settings, "one hop: ingest", source, sink)
        return await route.measure(some_events(WARM_UP + num_events + NUM_PROBES, "hop"))


async def measure_chain(settings: Settings, num_events: int, logs: Path) -> Figures:
    """Measure from interactions to recommendations, in topics of its own."""
    settings = settings.model_copy(update={"topic_prefix": "chain."})
    await create_topics(settings)
    await load_items(settings)
    topics = settings.topics
    with running(PROCESSES, logs, **of(settings)):
        with progress_bars() as progress:
            await until_profiled(settings, NUM_ITEMS, progress)
        route = Route(
            settings, "whole chain", topics.interactions.name, topics.recommendations.name
        )
        return await route.measure(some_events(WARM_UP + num_events + NUM_PROBES, "chain"))


def of(settings: Settings) -> dict[str, Any]:
    """Return how processes of these settings are run."""
    environment = {**os.environ, "STREAM_APP_TOPIC_PREFIX": settings.topic_prefix}
    return {"environment": environment, "drain_s": settings.drain_s}


async def measure_all(settings: Settings, num_events: int, logs: Path) -> list[Figures]:
    """Measure the routes one after the other, each with nothing else going on."""
    return [
        await measure(settings, num_events, logs)
        for measure in (measure_raw, measure_hop, measure_chain)
    ]


def show(figures: Sequence[Figures]) -> None:
    """Print a table, each path beside the raw pass-through."""
    raw = figures[0]
    print(f"\n{'path':<28}{'events/s':>10}{'of raw':>8}{'p50 ms':>9}{'p99 ms':>9}{'raw p50':>9}")
    for one in figures:
        share = one.events_per_s / raw.events_per_s
        times = one.p50_ms / raw.p50_ms
        print(
            f"{one.path:<28}{one.events_per_s:>10.0f}{share:>8.3f}"
            f"{one.p50_ms:>9.1f}{one.p99_ms:>9.1f}{times:>8.1f}x"
        )
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")


def main() -> None:
    """Start everything, measure, print, and stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5000, help="events of each path")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    options = parser.parse_args()
    os.environ["STREAM_APP_ENGINE"] = "weightless"
    home = read_settings().home
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        stack = cleanup.enter_context(Stack(folder / "stack", home))
        os.environ.update(stack.environment(), STREAM_APP_STATE_DIR=str(folder / "state"))
        figures = asyncio.run(measure_all(read_settings(), options.events, folder / "logs"))
    if options.json:
        print(json.dumps([asdict(one) for one in figures]))
    else:
        show(figures)


if __name__ == "__main__":
    main()
