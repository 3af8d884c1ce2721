"""Faults against the running system, and what they cost.

`python -m benchmarks.chaos [--events N] [--faults N] [--seed N] [--careless]`, or `make chaos`.
Starts Kafka, object storage, agents and workers on this machine, sends events at a steady rate,
and meanwhile does one thing after the other to them that production will do. In the end it
compares with a clean replay of the log: exit code 1 if a single event was lost, applied or ranked
twice, or a state differs by a byte. `--careless` takes transactions and applied offsets off, to
show that the comparison would notice.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from itertools import count
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.chaos.faults import faults_with
from benchmarks.chaos.plant import Plant, planted
from benchmarks.chaos.verdict import Verdict, judge
from benchmarks.chaos.watch import Watch
from benchmarks.chaos.workload import BAD_EVERY, made_items, made_record
from schemas.codec import encode
from schemas.item import Item
from stream_app.config import Settings, read_settings
from stream_app.kafka.producer import reliable_producer
from stream_app.show import Progress, progress_bars

RECOVERY_DEADLINE_S = 180.0
Recoveries = dict[str, list[float]]


class Sender:
    """Sends records at a steady rate, however the system feels; a lag is made up for.

    It sends so many at least, and goes on until it is told that the last fault is over: there is
    none that meets no events.
    """

    def __init__(self, settings: Settings, options: argparse.Namespace) -> None:
        self.event_ids: set[str] = set()
        self._num_sent = 0
        self._is_last_fault_over = False
        self._sent = asyncio.Condition()
        self._settings = settings
        self._options = options

    async def until_sent(self, number: int) -> None:
        """Wait until so many records are on their way."""
        async with self._sent:
            await self._sent.wait_for(lambda: self._num_sent >= number)

    def stop(self) -> None:
        """Send no more than were to be sent."""
        self._is_last_fault_over = True

    async def run(self, progress: Progress) -> None:
        """Send, and return when the broker has all."""
        options, started = self._options, time.monotonic()
        async with reliable_producer(self._settings) as producer:
            for number in count():
                if self._is_last_fault_over and number >= options.events:
                    break
                key, value = made_record(number, options.seed)
                await producer.send(self._settings.topics.interactions.name, value, key=key)
                if number % BAD_EVERY != BAD_EVERY - 1:
                    self.event_ids.add(f"e{number}")
                progress("events", number + 1, max(number + 1, options.events))
                self._num_sent = number + 1
                async with self._sent:
                    self._sent.notify_all()
                ahead_s = number / options.rate - (time.monotonic() - started)
                await asyncio.sleep(max(0.0, ahead_s))
            await producer.flush()


async def send_items(settings: Settings, items: Sequence[Item]) -> None:
    """Write the catalogue."""
    async with reliable_producer(settings) as producer:
        for item in items:
            await producer.send_and_wait(
                settings.topics.items.name, encode(item), key=item.item_id.encode()
            )


async def drill(
    plant: Plant, settings: Settings, options: argparse.Namespace, progress: Progress
) -> tuple[Recoveries, Verdict]:
    """Do one fault after the other while events flow; return recovery times and the verdict."""
    items = made_items(settings.buckets[0])
    await send_items(settings, items)
    plant.start()
    watch, sender = Watch(settings), Sender(settings, options)
    tasks = [asyncio.create_task(one) for one in (watch.run(), plant.supervise())]
    sending = asyncio.create_task(sender.run(progress))
    recoveries: Recoveries = defaultdict(list)
    try:
        for number, name in enumerate(chosen_faults(options)):
            progress("faults", number, options.faults)
            await sender.until_sent((number + 1) * options.events // (options.faults + 1))
            started = time.monotonic()
            await faults_with(options.brokers)[name](
                plant, np.random.default_rng([options.seed, number])
            )
            try:
                await watch.until_answered(set(sender.event_ids), RECOVERY_DEADLINE_S)
            except TimeoutError as error:
                # What was found before is told all the same; too late is not clean.
                print(f"fault {number + 1}, {name}: {error}", file=sys.stderr)
                recoveries[name].append(float("inf"))
                break
            recoveries[name].append(time.monotonic() - started)
        progress("faults", options.faults, options.faults)
        sender.stop()
        await sending
        with suppress(TimeoutError):
            await watch.until_answered(sender.event_ids, RECOVERY_DEADLINE_S)
        await plant.all_brokers()
        return recoveries, await judge(settings, items, watch)
    finally:
        for task in (*tasks, sending):
            task.cancel()
        await asyncio.gather(*tasks, sending, return_exceptions=True)


def chosen_faults(options: argparse.Namespace) -> list[str]:
    """Return the faults in their order: every kind equally often, shuffled by the seed."""
    rng = np.random.default_rng(options.seed)
    kinds = [name for name in faults_with(options.brokers) if options.only in name]
    rounds = -(-options.faults // len(kinds))
    names = [str(name) for _ in range(rounds) for name in rng.permutation(kinds)]
    return names[: options.faults]


def show(console: Console, recoveries: Recoveries, verdict: Verdict) -> None:
    """Print recoveries and verdict."""
    table = Table(
        "fault", "times", "median s", "max s", caption="from the fault to the last answer"
    )
    for name, seconds in recoveries.items():
        table.add_row(name, str(len(seconds)), f"{median(seconds):.1f}", f"{max(seconds):.1f}")
    console.print(table)
    for name, number in asdict(verdict).items():
        console.print(f"{number:>8} {name.replace('_', ' ')}")


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--events", type=int, default=50_000, help="at least")
    parser.add_argument("--faults", type=int, default=105)
    parser.add_argument("--brokers", type=int, choices=[1, 3], default=1)
    parser.add_argument("--storage-away-s", type=float, default=60, help="and silent for as long")
    parser.add_argument("--rate", type=float, default=50, help="events a second")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", default="", metavar="WORDS", help="faults with these in the name")
    parser.add_argument("--careless", action="store_true", help="without transactions: must fail")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep data and logs there")
    options = parser.parse_args(arguments)
    names = faults_with(options.brokers)
    if not any(options.only in name for name in names):
        parser.error(f"no fault has {options.only!r} in its name; there are: {', '.join(names)}")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Drill, print, and fail if anything was lost or doubled."""
    options = parsed(arguments)
    with ExitStack() as cleanup:
        folder = options.keep or Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        home = read_settings().home
        plant, settings = cleanup.enter_context(
            planted(
                home,
                folder,
                num_brokers=options.brokers,
                storage_away_s=options.storage_away_s,
                careless=options.careless,
            )
        )
        progress = cleanup.enter_context(progress_bars())
        recoveries, verdict = asyncio.run(drill(plant, settings, options, progress))
    show(Console(), recoveries, verdict)
    if options.json:
        found = {"recovery_s": recoveries, "verdict": asdict(verdict), "deaths": plant.deaths}
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    late = [name for name, seconds in recoveries.items() if float("inf") in seconds]
    sys.exit(0 if verdict.is_clean and not late else 1)


if __name__ == "__main__":
    main()
