"""One hop and the whole chain with the engine that costs nothing: events/s and milliseconds.

`python -m benchmarks.pipeline [--events N] [--rate N]`. Starts Kafka, object storage and our
processes on this machine, so broker, client and all hops share its cores. Pass-throughs of raw
aiokafka, of faust and of FastStream, measured in the same run, are what a hop costs at least.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from rich.console import Console
from rich.table import Table

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
PACED_S = 15.0
NO_ANSWER_S = 120.0
# A larger batch has fewer transactions; models on a CPU take a second for each event of it.
BATCH_EVENTS = "64"
PASS_THROUGHS = {
    "raw": "raw aiokafka pass-through",
    "with_faust": "faust pass-through",
    "with_faststream": "FastStream pass-through",
}


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
        async with self._ends() as (producer, consumer):
            await self._flat_out(producer, consumer, list(islice(events, WARM_UP)))
            many = list(islice(events, options.events))
            elapsed_s = await self._flat_out(producer, consumer, many)
            alone_s = [
                await self._flat_out(producer, consumer, [event])
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


def percentiles_ms(latencies_s: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile in milliseconds."""
    in_order = sorted(latencies_s)
    return (
        round(1000 * in_order[len(in_order) // 2], 1),
        round(1000 * in_order[int(0.99 * len(in_order))], 1),
    )


def some_events(run: str) -> Iterator[Interaction]:
    """Clicks of many users on many items, the same in every run, without end."""
    for number in count():
        yield Interaction(
            event_id=f"{run}-{number}",
            user_id=f"{run}-user-{number % NUM_USERS}",
            item_id=str(number * 7 % NUM_ITEMS),
            kind="click",
            occurred_at=datetime.fromtimestamp(1_700_000_000 + number, UTC),
        )


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


async def measure_passthrough(
    settings: Settings, library: str, options: argparse.Namespace, logs: Path
) -> Figures:
    """Measure a library's pass-through."""
    source, sink = f"{library}-in", f"{library}-out"
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    await admin.create_topics([NewTopic(end, settings.partitions, 1) for end in (source, sink)])
    await admin.close()
    command = [sys.executable, "-m", f"benchmarks.passthroughs.{library}", source, sink]
    with ChildProcess(library, command, logs / f"{library}.log"):
        route = Route(settings, PASS_THROUGHS[library], source, sink)
        return await route.measure(library, options)


async def measure_hop(settings: Settings, options: argparse.Namespace, logs: Path) -> Figures:
    """Measure the ingest agent alone, in topics of its own."""
    settings = settings.model_copy(update={"topic_prefix": "hop."})
    await create_topics(settings)
    await load_items(settings)
    topics = settings.topics
    with running({"ingest": PROCESSES["ingest"]}, logs, **of(settings)):
        source, sink = topics.interactions.name, topics.interactions_enriched.name
        route = Route(
            settings, "one hop: ingest", source, sink, lambda one: one["interaction"]["event_id"]
        )
        return await route.measure("hop", options)


async def measure_chain(settings: Settings, options: argparse.Namespace, logs: Path) -> Figures:
    """Measure from interactions to recommendations, in topics of its own."""
    settings = settings.model_copy(update={"topic_prefix": "chain."})
    await create_topics(settings)
    await load_items(settings)
    source, sink = settings.topics.interactions.name, settings.topics.recommendations.name
    with running(PROCESSES, logs, **of(settings)):
        with progress_bars() as progress:
            await until_profiled(settings, NUM_ITEMS, progress)
        route = Route(settings, "whole chain", source, sink, lambda one: one["trigger"]["event_id"])
        return await route.measure("chain", options)


def of(settings: Settings) -> dict[str, Any]:
    """Return how processes of these settings are run."""
    environment = {**os.environ, "STREAM_APP_TOPIC_PREFIX": settings.topic_prefix}
    return {"environment": environment, "drain_s": settings.drain_s}


async def measure_all(settings: Settings, options: argparse.Namespace, logs: Path) -> list[Figures]:
    """Measure the routes one after the other, each with nothing else going on."""
    figures = [
        await measure_passthrough(settings, library, options, logs) for library in PASS_THROUGHS
    ]
    figures.append(await measure_hop(settings, options, logs))
    figures.append(await measure_chain(settings, options, logs))
    return figures


def show(figures: Sequence[Figures], rate: float) -> None:
    """Print a table, each path beside the raw pass-through."""
    raw = figures[0]
    table = Table(
        caption=f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    )
    table.add_column("path")
    for heading in ("events/s", "of raw", "alone p50 ms", "p99", f"at {rate:.0f}/s p50 ms", "p99"):
        table.add_column(heading, justify="right")
    for one in figures:
        table.add_row(
            one.path,
            f"{one.events_per_s:,.0f}",
            f"{one.events_per_s / raw.events_per_s:.3f}",
            *(
                f"{value:.1f}"
                for value in (
                    one.alone_p50_ms,
                    one.alone_p99_ms,
                    one.paced_p50_ms,
                    one.paced_p99_ms,
                )
            ),
        )
    Console(width=120).print(table)


def main() -> None:
    """Start everything, measure, print, and stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5000, help="events of each path")
    parser.add_argument("--rate", type=float, default=200, help="events/s of the paced ones")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of a table")
    options = parser.parse_args()
    os.environ["STREAM_APP_ENGINE"] = "weightless"
    os.environ["STREAM_APP_MAX_BATCH_EVENTS"] = BATCH_EVENTS
    home = read_settings().home
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        stack = cleanup.enter_context(Stack(folder / "stack", home))
        os.environ.update(stack.environment(), STREAM_APP_STATE_DIR=str(folder / "state"))
        figures = asyncio.run(measure_all(read_settings(), options, folder / "logs"))
    if options.json:
        print(json.dumps([asdict(one) for one in figures]))
    else:
        show(figures, options.rate)


if __name__ == "__main__":
    main()
