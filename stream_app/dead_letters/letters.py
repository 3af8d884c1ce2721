"""The dead letters' topic, read: which letters there are, and what became of them.

A letter is open until a marker behind it, on its own partition, settles it. What is kept of a
letter is why and where, never its value: the topic may hold far more than memory does.
"""

from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from aiokafka import ConsumerRecord

from schemas.dead_letter import DeadLetter, LetterId, Settlement
from stream_app.config import Settings
from stream_app.dead_letters.errors import DeadLetterError
from stream_app.kafka.reading import read_to_end

__all__ = ["Letter", "Selection", "find_letter", "num_letters", "read_letters"]


@dataclass(frozen=True)
class Letter:
    """A letter without its value. `settled_as` is None while it is open."""

    letter_id: LetterId
    set_aside_at: datetime
    key: bytes | None
    about: DeadLetter
    settled_as: str | None = None


@dataclass(frozen=True)
class Selection:
    """Which letters: those that fit everything that is given. `since` counts in, `until` not.

    `topics` are names of the topic that a letter came from, any of them.
    """

    ids: frozenset[LetterId] | None = None
    error: str | None = None
    topics: frozenset[str] | None = None
    stage: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def fits(self, letter: Letter) -> bool:
        """Tell whether a letter is one of those."""
        about, at = letter.about, letter.set_aside_at
        return (
            (self.ids is None or letter.letter_id in self.ids)
            and self.error in (None, about.error)
            and (self.topics is None or about.topic in self.topics)
            and self.stage in (None, about.stage)
            and (self.since is None or self.since <= at)
            and (self.until is None or at < self.until)
        )


async def read_letters(
    settings: Settings, selection: Selection, *, with_settled: bool = False
) -> list[Letter]:
    """Return the selected letters that are open, or all that are selected, oldest first.

    Raises:
        KafkaError: If the broker can't be reached.
    """
    found: dict[LetterId, Letter] = {}
    async with aclosing(read_to_end(settings, settings.topics.dead_letters.name)) as records:
        async for record in records:
            settlement = _settlement(record)
            if settlement is not None:
                _settle(found, settlement, with_settled=with_settled)
            elif (letter := letter_of(record)) is not None and selection.fits(letter):
                found[letter.letter_id] = letter
    return sorted(found.values(), key=lambda one: (one.set_aside_at, one.letter_id))


async def find_letter(settings: Settings, letter_id: LetterId) -> tuple[Letter, ConsumerRecord]:
    """Return a letter and the whole of its record.

    Raises:
        DeadLetterError: If there is none.
        KafkaError: If the broker can't be reached.
    """
    topic = settings.topics.dead_letters.name
    start = {letter_id.partition: letter_id.offset}
    found: dict[LetterId, Letter] = {}
    whole: ConsumerRecord = None
    async with aclosing(read_to_end(settings, topic, start)) as records:
        async for record in records:
            if (settlement := _settlement(record)) is not None:
                _settle(found, settlement, with_settled=True)
            elif record.offset == letter_id.offset and (letter := letter_of(record)) is not None:
                found[letter_id], whole = letter, record
    if letter_id not in found:
        raise DeadLetterError(
            f"no letter {letter_id}; see `stream-app dead-letters list --all` for those there are"
        )
    return found[letter_id], whole


async def num_letters(settings: Settings) -> int:
    """Return how many letters the topic holds, settled ones too."""
    async with aclosing(read_to_end(settings, settings.topics.dead_letters.name)) as records:
        return sum([letter_of(record) is not None async for record in records])


def letter_of(record: ConsumerRecord) -> Letter | None:
    """Return the letter in a record; None for a marker, and for what isn't ours."""
    try:
        about = DeadLetter.from_headers(record.headers)
        set_aside_at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return Letter(LetterId(record.partition, record.offset), set_aside_at, record.key, about)


def _settlement(record: ConsumerRecord) -> Settlement | None:
    try:
        return Settlement.from_headers(record.headers)
    except ValueError:
        return None


def _settle(found: dict[LetterId, Letter], settlement: Settlement, *, with_settled: bool) -> None:
    letter = found.pop(settlement.letter_id, None)
    if letter is not None and with_settled:
        found[letter.letter_id] = replace(letter, settled_as=settlement.settled_as)
