"""Whether memory stays where it is while events flow at full rate.

`python -m benchmarks.memory [--minutes N] [--users N]`. Starts Kafka, object storage and our
processes on this machine, with the engine that costs nothing, and sends events as fast as they are
answered. Prints the resident memory of each process over time, and how fast it grows in the second
half, when caches and buffers of a fixed size have filled.
"""

import argparse
import asyncio
import os
import time
from collections import defaultdict
from contextlib import ExitStack
from itertools import islice

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.pipeline import BATCH_EVENTS, load_items, of, until_profiled
from benchmarks.route import NUM_ITEMS, Route, some_events
from benchmarks.servers import servers
from stream_app.config import Settings, read_settings
from stream_app.embedded.process import ChildProcess
from stream_app.kafka.topics import create_topics
from stream_app.show import Progress, progress_bars
from stream_app.supervise import PROCESSES, running

SENT_AT_ONCE = 1000
MEGABYTE = 1024 * 1024
SHOWN = 5

Samples = dict[str, list[tuple[float, float]]]


def resident_mb(child: ChildProcess) -> float:
    """Return the megabytes that a process and its children hold."""
    process = psutil.Process(child.pid)
    family = [process, *process.children(recursive=True)]
    return sum(one.memory_info().rss for one in family) / MEGABYTE


async def flow(
    settings: Settings,
    children: list[ChildProcess],
    options: argparse.Namespace,
    progress: Progress,
) -> tuple[Samples, int]:
    """Send for so many minutes; return by process (seconds, megabytes), and the number sent."""
    topics = settings.topics
    route = Route(settings, "whole chain", topics.interactions.name, topics.recommendations.name)
    events = iter(some_events("memory", options.users))
    samples: Samples = defaultdict(list)
    started, num_sent = time.monotonic(), 0
    async with route.ends() as (producer, consumer):
        while (elapsed_s := time.monotonic() - started) < options.minutes * 60:
            await route.flat_out(producer, consumer, list(islice(events, SENT_AT_ONCE)))
            num_sent += SENT_AT_ONCE
            for child in children:
                samples[child.name].append((elapsed_s, resident_mb(child)))
            progress("minutes", int(elapsed_s / 60), options.minutes)
    return samples, num_sent


def growth(samples: list[tuple[float, float]]) -> float:
    """Return megabytes an hour: the slope of a line through the second half."""
    seconds, megabytes = np.array(samples[len(samples) // 2 :]).T
    slope, _ = np.polyfit(seconds, megabytes, 1)
    return float(slope) * 3600


def show(samples: Samples, num_sent: int, options: argparse.Namespace) -> None:
    """Print megabytes at a few times."""
    table = Table(caption=f"{num_sent:,} events of {options.users:,} users, {os.cpu_count()} cores")
    table.add_column("process")
    for number in range(SHOWN):
        table.add_column(f"{options.minutes * number / (SHOWN - 1):.0f} min", justify="right")
    table.add_column("MB/h, 2nd half", justify="right")
    for name, of_process in samples.items():
        places = np.linspace(0, len(of_process) - 1, SHOWN).round().astype(int)
        megabytes = [f"{of_process[place][1]:.0f}" for place in places]
        table.add_row(name, *megabytes, f"{growth(of_process):+.0f}")
    Console().print(table)


def main() -> None:
    """Start everything, send, print, and stop."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--users", type=int, default=50_000)
    options = parser.parse_args()
    os.environ["STREAM_APP_ENGINE"] = "weightless"
    os.environ["STREAM_APP_MAX_BATCH_EVENTS"] = BATCH_EVENTS
    with ExitStack() as cleanup:
        folder = cleanup.enter_context(servers())
        settings = read_settings()
        asyncio.run(create_topics(settings))
        asyncio.run(load_items(settings))
        children = cleanup.enter_context(running(PROCESSES, folder / "logs", **of(settings)))
        progress = cleanup.enter_context(progress_bars())
        asyncio.run(until_profiled(settings, NUM_ITEMS, progress))
        samples, num_sent = asyncio.run(flow(settings, children, options, progress))
    show(samples, num_sent, options)


if __name__ == "__main__":
    main()
