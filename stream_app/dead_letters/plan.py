"""What is to be written for letters, a transaction at a time. Nothing is written here."""

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import aclosing
from itertools import islice
from typing import NamedTuple

from aiokafka import ConsumerRecord

from schemas.dead_letter import LetterId
from stream_app.config import Settings
from stream_app.dead_letters.errors import NotRedrivableError
from stream_app.dead_letters.letters import Letter
from stream_app.dead_letters.resend import Resend, newest_wins, resend
from stream_app.kafka.reading import read_to_end

__all__ = ["Settling", "discards", "redrives"]

# Of one transaction: bounds memory, and what is done again after a kill.
MAX_LETTERS = 200
MAX_BYTES = 16 * 1024 * 1024
SUPERSEDED = "its item has a newer record, or its user was erased since; discard it"


class Settling(NamedTuple):
    """A letter to be settled, and the record that is sent with its marker, if any."""

    letter_id: LetterId
    resend: Resend | None = None


def discards(letters: Iterable[LetterId]) -> Iterator[list[Settling]]:
    """Give what puts letters away."""
    waiting = map(Settling, letters)
    while batch := list(islice(waiting, MAX_LETTERS)):
        yield batch


async def redrives(
    settings: Settings, letters: Mapping[LetterId, Letter], left: list[str]
) -> AsyncGenerator[list[Settling], None]:
    """Give what has letters' records processed again; `left` learns which can't be, and why."""
    batch: list[Settling] = []
    num_bytes = 0
    async with aclosing(_resends(settings, letters, left)) as settlings:
        async for one in settlings:
            batch.append(one)
            num_bytes += one.resend.num_bytes if one.resend is not None else 0
            if len(batch) == MAX_LETTERS or num_bytes >= MAX_BYTES:
                yield batch
                batch, num_bytes = [], 0
    if batch:
        yield batch


async def _resends(
    settings: Settings, letters: Mapping[LetterId, Letter], left: list[str]
) -> AsyncGenerator[Settling, None]:
    """Read the letters' values; give each partition's in their order, which is each key's."""
    outdated = await _outdated(settings, letters.values())
    left += [f"{one}: {SUPERSEDED}" for one in outdated]
    waiting = set(letters) - set(outdated)
    sent: set[bytes] = set()
    topic = settings.topics.dead_letters.name
    async with aclosing(read_to_end(settings, topic, _lowest_offsets(waiting))) as records:
        async for record in records:
            letter_id = LetterId(record.partition, record.offset)
            if letter_id not in waiting:
                continue
            waiting.remove(letter_id)
            try:
                again = resend(letters[letter_id].about, record, settings.topics)
            except NotRedrivableError as error:
                left.append(f"{letter_id}: {error}")
            else:
                # An agent that is killed before its commit sets a record aside a second time.
                is_sent = again.digest() in sent
                sent.add(again.digest())
                yield Settling(letter_id, None if is_sent else again)
            if not waiting:
                return
    left += [f"{one}: the topic no longer keeps it" for one in sorted(waiting)]


async def _outdated(settings: Settings, letters: Collection[Letter]) -> list[LetterId]:
    """Return the letters of an item that has a newer record, or of a user erased since."""
    outdated: list[LetterId] = []
    topics = settings.topics
    supersedes: dict[str, Callable[[ConsumerRecord], bool]] = {
        **dict.fromkeys(newest_wins(topics), lambda _: True),
        **dict.fromkeys(
            (topics.interactions.name, topics.interactions_enriched.name),
            lambda record: record.value is None,
        ),
    }
    for topic, does in supersedes.items():
        of_topic = [one for one in letters if one.about.topic == topic and one.key is not None]
        if of_topic:
            newest = await _newest(settings, topic, of_topic, does)
            outdated += [
                one.letter_id
                for one in of_topic
                if newest[one.about.partition, one.key] > one.about.offset
            ]
    return sorted(outdated)


async def _newest(
    settings: Settings,
    topic: str,
    letters: Collection[Letter],
    supersedes: Callable[[ConsumerRecord], bool],
) -> dict[tuple[int, bytes | None], int]:
    """Return the offset of each letter's key's newest record that supersedes, -1 for none."""
    newest = {(one.about.partition, one.key): -1 for one in letters}
    start = _lowest_offsets((one.about.partition, one.about.offset) for one in letters)
    async with aclosing(read_to_end(settings, topic, start)) as records:
        async for record in records:
            if (record.partition, record.key) in newest and supersedes(record):
                newest[record.partition, record.key] = record.offset
    return newest


def _lowest_offsets(positions: Iterable[tuple[int, int]]) -> dict[int, int]:
    lowest: dict[int, int] = {}
    for partition, offset in positions:
        lowest[partition] = min(offset, lowest.get(partition, offset))
    return lowest
