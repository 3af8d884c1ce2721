"""Records and pictures that nobody should send, to every topic that our processes read.

`python -m benchmarks.fuzz [--records N] [--pictures N] [--seed N]`. Starts Kafka, object storage,
agents and a worker; sends to one topic after the other; waits until all has been read; and tells of
each topic how many records were passed on and how many set aside with a reason. Exit code 1 if
one that is no record of the topic has no dead letter, if a process ended, or if one has not given
its memory back.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import psutil
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from rich.console import Console
from rich.table import Table

from benchmarks.chaos.plant import Plant, planted
from benchmarks.chaos.workload import made_items, made_record
from benchmarks.fuzz.pictures import hostile_pictures
from benchmarks.fuzz.records import fuzzed
from models.weightless import WeightlessEngine
from schemas.codec import Poison, decode, encode
from schemas.dead_letter import DeadLetter
from schemas.enriched_interaction import EnrichedInteraction, SourcePosition
from schemas.interaction import Interaction
from schemas.item import ImageLocation, Item
from schemas.item_image import ItemImage
from schemas.ranking import Ranking, Trigger
from schemas.record import Record
from schemas.topics import Topic
from stream_app.config import Settings, read_settings
from stream_app.kafka.connection import client_options
from stream_app.kafka.producer import reliable_producer
from stream_app.kafka.reading import read_to_end
from stream_app.object_storage import connect
from stream_app.show import Progress, progress_bars

READ_DEADLINE_S = 1200.0
LOOK_EVERY_S = 1.0
# Of a process's memory before; buffers of clients and caches of a fixed size fill with use.
MAX_GROWTH_BYTES = 150 * 1024 * 1024
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Input:
    """A topic, the group that reads it, and records as they should be."""

    topic: Topic
    group: str
    valid: Sequence[tuple[bytes, Record]]


@dataclass(frozen=True)
class Found:
    """What became of the records of a topic, and the reasons by how often they were given."""

    topic: str
    num_sent: int
    num_refused: int
    num_missing: int
    reasons: Counter[str]


def inputs(settings: Settings) -> list[Input]:
    """Return what each process reads."""
    topics, items = settings.topics, made_items(settings.buckets[0])
    by_id = {one.item_id: one for one in items}
    read = [decode(Interaction, made_record(number, seed=1)[1]) for number in range(90)]
    events = [one for one in read if isinstance(one, Interaction)]
    source = SourcePosition(partition=0, offset=0, timestamp=datetime(2026, 1, 1, tzinfo=UTC))
    enriched = [
        EnrichedInteraction(interaction=one, source=source, item=by_id[one.item_id])
        for one in events
    ]
    rankings = [_ranking(one, source) for one in events]
    return [
        Input(
            topics.interactions,
            "ingest",
            [(one.user_id.encode(), one) for one in events],
        ),
        Input(topics.items, "profile", [(one.item_id.encode(), one) for one in items]),
        Input(
            topics.interactions_enriched,
            "worker",
            [(one.interaction.user_id.encode(), one) for one in enriched],
        ),
        Input(
            topics.item_images,
            "worker",
            [(one.item_id.encode(), ItemImage(item=one)) for one in items],
        ),
        Input(topics.rankings, "publish", [(one.user_id.encode(), one) for one in rankings]),
    ]


def _ranking(event: Interaction, source: SourcePosition) -> Ranking:
    return Ranking(
        ranking_id=event.event_id,
        user_id=event.user_id,
        trigger=Trigger(
            event_id=event.event_id,
            item_id=event.item_id,
            title="Item",
            kind=event.kind,
            occurred_at=event.occurred_at,
            source=source,
        ),
        summary="",
        previous_summary="",
        candidates=(),
        versions=WeightlessEngine.versions,
    )


async def fuzz(settings: Settings, one: Input, options: argparse.Namespace) -> Found:
    """Send to a topic, wait until its group has read all, and compare with the dead letters."""
    async with reliable_producer(settings) as producer:
        sent = [
            await producer.send(one.topic.name, value, key=key)
            for key, value in fuzzed(one.valid, options.records, options.seed)
            # The broker itself refuses it, and with it the whole batch.
            if key is not None or one.topic.cleanup == "delete"
        ]
        await asyncio.gather(*sent)
    await until_read(settings, one)
    refused: dict[tuple[int, int], str] = {}
    async for record in read_to_end(settings, settings.topics.dead_letters.name):
        letter = DeadLetter.from_headers(record.headers)
        if letter.topic == one.topic.name:
            refused[letter.partition, letter.offset] = letter.error
    num_sent = num_missing = 0
    async for record in read_to_end(settings, one.topic.name):
        num_sent += 1
        is_bad = not is_record(one.topic, record.key, record.value)
        num_missing += is_bad and (record.partition, record.offset) not in refused
    return Found(one.topic.name, num_sent, len(refused), num_missing, Counter(refused.values()))


def is_record(topic: Topic, key: bytes | None, value: bytes | None) -> bool:
    """Tell whether it is what the topic carries, by the codec and the key alone."""
    if key is None or topic.value is None:
        return False
    if value is None:
        return topic.null_value is not None
    return not isinstance(decode(topic.value, value), Poison)


async def until_read(settings: Settings, one: Input) -> None:
    """Wait until the group has committed all that the topic holds.

    Raises:
        TimeoutError: If it has not by then.
    """
    ends: dict[int, int] = {}
    async for record in read_to_end(settings, one.topic.name):
        ends[record.partition] = record.offset + 1
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        async with asyncio.timeout(READ_DEADLINE_S):
            while True:
                read = await _committed(admin, settings.group(one.group), one.topic.name)
                if all(read.get(number, 0) >= end for number, end in ends.items()):
                    return
                await asyncio.sleep(LOOK_EVERY_S)
    finally:
        await admin.close()


async def _committed(admin: AIOKafkaAdminClient, group: str, topic: str) -> dict[int, int]:
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:
        # The broker makes its topic of offsets for the first group that asks.
        return {}
    return {tp.partition: meta.offset for tp, meta in offsets.items() if tp.topic == topic}


async def fuzz_pictures(settings: Settings, options: argparse.Namespace) -> int:
    """Store hostile pictures, announce an item for each, and wait; return how many stay unseen."""
    storage, bucket = connect(settings), settings.buckets[0]
    if not storage.bucket_exists(bucket):
        storage.make_bucket(bucket)
    items: list[tuple[bytes, Record]] = []
    async with reliable_producer(settings) as producer:
        for number, data in enumerate(hostile_pictures(options.pictures, options.seed)):
            key = f"hostile/{number}"
            await asyncio.to_thread(storage.put_object, bucket, key, BytesIO(data), len(data))
            item = Item(
                item_id=f"hostile-{number}",
                title=f"Hostile {number}",
                image=ImageLocation(bucket=bucket, key=key),
            )
            items.append((item.item_id.encode(), item))
            await producer.send(settings.topics.items.name, encode(item), key=items[-1][0])
        await producer.flush()
    await until_read(settings, Input(settings.topics.items, "profile", items))
    unseen = {key for key, _ in items}
    async for record in read_to_end(settings, settings.topics.item_images.name):
        unseen.discard(record.key)
    return len(unseen)


async def fuzz_all(
    settings: Settings, options: argparse.Namespace, progress: Progress
) -> tuple[list[Found], int]:
    """Fuzz topic after topic, then pictures."""
    to_fuzz = inputs(settings)
    found = []
    for number, one in enumerate(to_fuzz):
        progress(f"topics, {one.topic.name}", number, len(to_fuzz) + 1)
        found.append(await fuzz(settings, one, options))
    progress("topics, pictures", len(to_fuzz), len(to_fuzz) + 1)
    return found, await fuzz_pictures(settings, options)


def memory(plant: Plant) -> dict[str, int]:
    """Return the resident bytes of each running process with its children."""
    found = {}
    for name in filter(lambda name: plant[name].is_running(), plant.names):
        process = psutil.Process(plant[name].pid)
        family = [process, *process.children(recursive=True)]
        found[name] = sum(one.memory_info().rss for one in family)
    return found


async def warmed_up(settings: Settings, one: Input) -> None:
    """Send what is right, so that every process has met work before its memory is measured."""
    async with reliable_producer(settings) as producer:
        for key, record in one.valid:
            await producer.send(one.topic.name, encode(record), key=key)
        await producer.flush()
    await until_read(settings, one)


def show(found: Sequence[Found], unseen: int, grown: dict[str, int], num_pictures: int) -> None:
    """Print what became of everything."""
    table = Table("topic", "sent", "set aside", "bad without a letter", "reasons")
    for one in found:
        reasons = ", ".join(f"{name} {number}" for name, number in one.reasons.most_common())
        table.add_row(
            one.topic, str(one.num_sent), str(one.num_refused), str(one.num_missing), reasons
        )
    console = Console()
    console.print(table)
    console.print(f"{num_pictures} hostile pictures, {unseen} without an answer")
    growth = ", ".join(f"{name} {size / MEGABYTE:+.0f} MB" for name, size in grown.items())
    console.print(f"memory: {growth}")


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--records", type=int, default=100_000, help="for each topic")
    parser.add_argument("--pictures", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep data and logs there")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fuzz, print, and fail if anything was lost."""
    options = parsed(arguments)
    with ExitStack() as cleanup:
        folder = options.keep or Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        home = read_settings().home
        plant, settings = cleanup.enter_context(planted(home, folder))
        progress = cleanup.enter_context(progress_bars())
        plant.start()
        interactions, items = inputs(settings)[:2]
        for one in (items, interactions):
            asyncio.run(warmed_up(settings, one))
        before = memory(plant)
        found, unseen = asyncio.run(fuzz_all(settings, options, progress))
        ended = [name for name in plant.names if not plant[name].is_running()]
        grown = {name: size - before[name] for name, size in memory(plant).items()}
    show(found, unseen, grown, options.pictures)
    lost = [one.topic for one in found if one.num_missing]
    fat = [name for name, size in grown.items() if size > MAX_GROWTH_BYTES]
    for words, what in (("ended", ended), ("bad without a letter", lost), ("grown", fat)):
        if what:
            print(f"{words}: {', '.join(what)}", file=sys.stderr)
    sys.exit(1 if ended or lost or fat or unseen else 0)


if __name__ == "__main__":
    main()
