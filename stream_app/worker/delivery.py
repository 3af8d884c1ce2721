"""Outcomes -> topics, in the order that loses nothing.

Profiles and rankings are acknowledged before the states that include their event, states before
the offset is committed. A crash in between repeats an event whose state does not know it (its
ranking comes again with the same id), or meets a state that does and is left alone: nothing is
lost, and no state takes an event twice.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata

from schemas.codec import encode
from schemas.dead_letter import DeadLetter
from schemas.topics import Topics
from stream_app.worker.outcome import (
    Answered,
    Erased,
    Outcome,
    Profiled,
    Refused,
    Unchanged,
    Withdrawn,
)
from stream_app.worker.store import PartitionStore

__all__ = ["Delivery"]

STAGE = "worker"
Send = tuple[str, bytes | None, bytes | None, int | None]


class Delivery:
    """Writes what became of a batch; returns when the broker has all of it."""

    def __init__(self, producer: AIOKafkaProducer, topics: Topics) -> None:
        self._producer = producer
        self._topics = topics

    async def deliver(self, outcomes: Sequence[Outcome], stores: dict[int, PartitionStore]) -> None:
        """Write outcomes; `stores` are the users' stores by partition.

        Raises:
            KafkaError: If the broker could not take them; nothing may be committed then.
        """
        await asyncio.gather(
            self._send_all([send for outcome in outcomes for send in self._answers(outcome)]),
            *[self._set_aside(one) for one in outcomes if isinstance(one, Refused)],
        )
        await self._write_states(outcomes, stores)

    def _answers(self, outcome: Outcome) -> list[Send]:
        match outcome:
            case Answered(record, _, ranking, profile):
                to_send: list[Send] = [
                    (self._topics.rankings.name, record.key, encode(ranking), record.partition)
                ]
                if profile is not None:
                    key = profile.item_id.encode()
                    to_send.append((self._topics.item_profiles.name, key, encode(profile), None))
                return to_send
            case Profiled(record, profile):
                return [(self._topics.item_profiles.name, record.key, encode(profile), None)]
            case Withdrawn(record):
                return [(self._topics.item_profiles.name, record.key, None, None)]
            case Erased() | Unchanged() | Refused():
                return []

    async def _write_states(
        self, outcomes: Sequence[Outcome], stores: dict[int, PartitionStore]
    ) -> None:
        changed = [
            (one.record, encode(one.state) if isinstance(one, Answered) else None)
            for one in outcomes
            if isinstance(one, Answered | Erased)
        ]
        topic = self._topics.user_preferences.name
        written = await self._send_all(
            [(topic, record.key, value, record.partition) for record, value in changed]
        )
        by_partition: dict[int, dict[bytes, bytes | None]] = defaultdict(dict)
        next_offset: dict[int, int] = defaultdict(int)
        for (record, value), metadata in zip(changed, written, strict=True):
            by_partition[record.partition][record.key] = value
            next_offset[record.partition] = max(next_offset[record.partition], metadata.offset + 1)
        for partition, states in by_partition.items():
            stores[partition].write(states, next_offset[partition])

    async def _send_all(self, to_send: Sequence[Send]) -> list[RecordMetadata]:
        acknowledgements = [
            await self._producer.send(topic, value, key=key, partition=partition)
            for topic, key, value, partition in to_send
        ]
        return list(await asyncio.gather(*acknowledgements))

    async def _set_aside(self, refused: Refused) -> None:
        record, letter = refused.record, _letter(refused)
        topic, key = self._topics.dead_letters.name, record.key
        headers = letter.headers(record.headers)
        try:
            await self._producer.send_and_wait(topic, record.value, key=key, headers=headers)
        except MessageSizeTooLargeError:
            # The headers made it too large for the broker. Empty, not null: null would erase.
            await self._producer.send_and_wait(topic, b"", key=key, headers=letter.to_headers())


def _letter(refused: Refused) -> DeadLetter:
    record = refused.record
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        stage=STAGE,
        error=refused.error,
        message=refused.message,
    )
