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
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from rich.console import Console
from rich.table import Table

from benchmarks.route import NO_ANSWER_S, NUM_ITEMS, Figures, Route
from benchmarks.servers import servers
from schemas.codec import encode
from schemas.item import Item
from stream_app.config import Settings, read_settings
from stream_app.embedded.process import ChildProcess
from stream_app.kafka.compacted import newest_by_key
from stream_app.kafka.connection import client_options
from stream_app.kafka.topics import create_topics
from stream_app.show import Progress, progress_bars
from stream_app.supervise import PROCESSES, running

# A larger batch has fewer transactions; models on a CPU take a second for each event of it.
BATCH_EVENTS = "64"
PASS_THROUGHS = {
    "raw": "raw aiokafka pass-through",
    "with_faust": "faust pass-through",
    "with_faststream": "FastStream pass-through",
}


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
    with servers() as folder:
        figures = asyncio.run(measure_all(read_settings(), options, folder / "logs"))
    if options.json:
        print(json.dumps([asdict(one) for one in figures]))
    else:
        show(figures, options.rate)


if __name__ == "__main__":
    main()
