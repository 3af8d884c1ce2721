"""What is written to have a letter's record processed again, and where to.

A record goes back to the topic that it came from, as it came. Only an event that the worker
refused goes back to the beginning, as the plain interaction: under the old position it would be
taken for one that the user's state includes, as soon as a later event of that user was applied.
"""

from dataclasses import dataclass
from hashlib import blake2b

from aiokafka import ConsumerRecord

from schemas.codec import Poison, decode, encode
from schemas.dead_letter import PREFIX, DeadLetter
from schemas.enriched_interaction import EnrichedInteraction
from schemas.topics import Topics
from stream_app.dead_letters.errors import NotRedrivableError

__all__ = ["Resend", "newest_wins", "resend"]


@dataclass(frozen=True)
class Resend:
    """A record to be written; `origin` is the topic, partition and offset where it first stood."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    origin: tuple[str, int, int]

    @property
    def num_bytes(self) -> int:
        """The size of key and value."""
        return len(self.key or b"") + len(self.value or b"")

    def digest(self) -> bytes:
        """Return what two letters of one record have in common.

        An agent that is killed before its commit sets a record aside again.
        """
        where = repr((self.origin, self.key)).encode()
        return blake2b(where + (self.value or b""), digest_size=16).digest()


def newest_wins(topics: Topics) -> tuple[str, ...]:
    """Return the topics of which only a key's newest record counts."""
    return (topics.items.name, topics.item_images.name)


def resend(about: DeadLetter, record: ConsumerRecord, topics: Topics) -> Resend:
    """Return what a letter's record is sent again as.

    Raises:
        NotRedrivableError: If it was cut off, can't be read, or came from no topic that is read.
    """
    if about.cut_bytes is not None:
        raise NotRedrivableError(
            f"its value of {about.cut_bytes} bytes found no room in the letter; "
            "have it sent again by who wrote it, then discard the letter"
        )
    if record.value == b"" or (record.key is None and record.value is None):
        raise NotRedrivableError("it is empty, which no topic takes; discard it")
    if about.topic == topics.interactions_enriched.name:
        return _interaction(about, record, topics)
    if about.topic not in _sent_back_as_they_were(topics):
        raise NotRedrivableError(f"no process of this deployment reads {about.topic}; discard it")
    return Resend(
        topic=about.topic,
        key=record.key,
        value=record.value,
        headers=_headers_of_original(record),
        origin=(about.topic, about.partition, about.offset),
    )


def _sent_back_as_they_were(topics: Topics) -> tuple[str, ...]:
    return (topics.interactions.name, topics.rankings.name, *newest_wins(topics))


def _interaction(about: DeadLetter, record: ConsumerRecord, topics: Topics) -> Resend:
    enriched = decode(EnrichedInteraction, record.value or b"")
    if isinstance(enriched, Poison):
        raise NotRedrivableError(
            f"there is no interaction in it ({enriched.reason}); "
            "redrive it by the release that reads it, or discard it"
        )
    interaction, source = enriched.interaction, enriched.source
    if interaction.user_id.encode() != record.key:
        raise NotRedrivableError(
            f"its key is not the {topics.interactions.key} in it; have the event sent again by who "
            "wrote it, then discard the letter"
        )
    return Resend(
        topic=topics.interactions.name,
        key=record.key,
        value=encode(interaction),
        headers=_headers_of_original(record),
        origin=(topics.interactions.name, source.partition, source.offset),
    )


def _headers_of_original(record: ConsumerRecord) -> list[tuple[str, bytes | None]]:
    return [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
