"""From a click to the list that follows it: one user, the default model, a catalogue it has read.

`python -m benchmarks.click [--items N] [--clicks N]`. Starts Kafka, object storage and our
processes on this machine; a simulated shopper clicks, reads the list, and clicks again.
"""

import argparse
import asyncio
import os
import platform
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from benchmarks.pipeline import of, until_profiled
from models.preference import BLOCK_SIZE
from schemas.recommendation import Recommendation
from stream_app.catalog import load_catalogue
from stream_app.config import Settings, read_settings
from stream_app.demo.garments import Garment, draw_catalogue
from stream_app.demo.loop import LoopReport, run_loop
from stream_app.demo.shop import write_catalogue
from stream_app.demo.shoppers import make_shoppers
from stream_app.embedded.stack import Stack
from stream_app.kafka.topics import create_topics
from stream_app.show import progress_bars
from stream_app.supervise import PROCESSES, running

# What a first answer waits for is not what a user waits for: clients connect, caches fill.
NUM_UNCOUNTED = 3


async def measure(
    settings: Settings, garments: list[Garment], items: Path, num_clicks: int, logs: Path
) -> tuple[LoopReport, LoopReport]:
    """Return the latencies of clicks that were ranked only, and of those that end a block."""
    ranked, summed_up = LoopReport(), LoopReport()
    sent = LoopReport()

    def count(_list: Recommendation, latency_s: float) -> None:
        if sent.num_events > NUM_UNCOUNTED:
            ends_block = sent.num_events % BLOCK_SIZE == 0
            (summed_up if ends_block else ranked).latencies_s.append(latency_s)
        counted("clicks", min(sent.num_events, total), total)

    total = num_clicks + NUM_UNCOUNTED
    await create_topics(settings)
    with running(PROCESSES, logs, **of(settings)), progress_bars() as counted:
        await load_catalogue(settings, items, items.parent, progress=counted)
        await until_profiled(settings, len(garments), counted)
        [shopper] = make_shoppers(1)
        await run_loop(
            settings, [shopper], garments, num_events=total, report=sent, on_answer=count
        )
    if sent.unanswered:
        raise SystemExit(f"{len(sent.unanswered)} of {total} clicks had no answer: see {logs}")
    return ranked, summed_up


def show(ranked: LoopReport, summed_up: LoopReport) -> None:
    """Print the quantiles in milliseconds."""
    every = LoopReport(latencies_s=ranked.latencies_s + summed_up.latencies_s)
    print(f"\n{'click to recommendation':<34}{'clicks':>7}{'p50 ms':>9}{'p95 ms':>9}{'worst':>9}")
    for name, one in (
        ("all", every), ("ranked", ranked), ("ranked and summed up", summed_up)
    ):  # fmt: skip
        quantiles = "".join(f"{one.latency_ms(q) or 0:>9.0f}" for q in (0.5, 0.95, 1.0))
        print(f"{name:<34}{len(one.latencies_s):>7}{quantiles}")
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")


def main() -> None:
    """Start everything, measure, print, and stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=60, help="drawn garments in the catalogue")
    parser.add_argument("--clicks", type=int, default=60, help="clicks that are counted")
    options = parser.parse_args()
    home = read_settings().home
    garments = list(draw_catalogue(options.items))
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        with progress_bars() as drawn:
            items = write_catalogue(garments, folder / "catalogue", progress=drawn)
        Console(stderr=True).print("starting Kafka and S3 …")
        stack = cleanup.enter_context(Stack(folder / "stack", home))
        os.environ.update(stack.environment(), STREAM_APP_STATE_DIR=str(folder / "state"))
        settings = read_settings()
        show(*asyncio.run(measure(settings, garments, items, options.clicks, folder / "logs")))


if __name__ == "__main__":
    main()
