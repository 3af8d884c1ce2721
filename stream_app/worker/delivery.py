"""Outcomes -> topics: what follows from a partition's records, in one transaction with its offset.

States, rankings, profiles, dead letters and the offset are written together or not at all, by a
producer that only the partition's owner can use: another worker that takes the partition over
shuts this one out, whatever it was doing. So a reader of committed records meets each ranking once.
"""

from collections.abc import Sequence
from dataclasses import replace

from aiokafka import ConsumerRecord
from aiokafka.structs import RecordMetadata

from schemas.codec import MAX_RECORD_BYTES, encode
from schemas.dead_letter import DeadLetter
from schemas.item_profile import ItemProfile
from schemas.ranking import Ranking
from schemas.topics import Topics
from stream_app.partitions.transaction import Headers, Send, write
from stream_app.worker.outcome import (
    Answered,
    Erased,
    Outcome,
    Postponed,
    Profiled,
    Refused,
    Unchanged,
    Withdrawn,
)
from stream_app.worker.partition import Partition

__all__ = ["Delivery", "States"]

STAGE = "worker"
# What the broker counts of a record beside key, value and headers, at most.
RECORD_OVERHEAD_BYTES = 256

States = dict[bytes, bytes | None]


class Delivery:
    """Writes what became of a batch; returns when the broker has all of it.

    `group` is the consumer group that the offsets are committed for.
    """

    def __init__(self, topics: Topics, group: str) -> None:
        self._topics = topics
        self._group = group

    async def deliver(self, partition: Partition, outcomes: Sequence[Outcome]) -> None:
        """Write the outcomes of one partition's records, and how far its records are finished.

        Raises:
            KafkaError: If the broker did not say that all of it is written, a ProducerFenced if
                another producer has the partition's id by now. The committed offset tells then,
                and the producer is of no more use.
        """
        for outcome in outcomes:
            partition.tracker.finish(outcome.record.offset)
        next_offset = partition.tracker.to_commit()
        sends = [send for outcome in outcomes for send in self._sends(outcome)]
        states = _states(outcomes)
        if not sends and not states and next_offset is None:
            return
        written = await self._write(partition, states, sends, next_offset)
        if next_offset is not None:
            partition.tracker.committed(next_offset)
        if partition.store is not None and states:
            partition.store.write(states, max(one.offset for one in written) + 1)

    async def _write(
        self, partition: Partition, states: States, sends: list[Send], next_offset: int | None
    ) -> list[RecordMetadata]:
        """Write all in one transaction; return where the states lie."""
        changes = [self._state(partition, *state) for state in states.items()]
        offsets = {} if next_offset is None else {partition.tp: next_offset}
        written = await write(partition, [*changes, *sends], offsets, self._group)
        return written[: len(changes)]

    def _state(self, partition: Partition, key: bytes, value: bytes | None) -> Send:
        return Send(self._topics.user_preferences.name, key, value, partition.tp.partition)

    def _sends(self, outcome: Outcome) -> list[Send]:
        match outcome:
            case Answered(record, _, ranking, profile):
                return [
                    *([] if ranking is None else [self._ranking(record, ranking)]),
                    *(
                        []
                        if profile is None
                        else [self._profile(profile.item_id.encode(), profile)]
                    ),
                ]
            case Profiled(record, profile):
                return [self._profile(record.key, profile)]
            case Withdrawn(record):
                return [self._profile(record.key, None)]
            case Refused():
                return [self._dead_letter(outcome)]
            case Erased() | Unchanged() | Postponed():
                return []

    def _ranking(self, record: ConsumerRecord, ranking: Ranking) -> Send:
        name = self._topics.rankings.name
        return Send(name, record.key, encode(ranking), record.partition)

    def _profile(self, key: bytes, profile: ItemProfile | None) -> Send:
        value = None if profile is None else encode(profile)
        return Send(self._topics.item_profiles.name, key, value)

    def _dead_letter(self, refused: Refused) -> Send:
        record, letter = refused.record, _letter(refused)
        topic, headers = self._topics.dead_letters.name, letter.headers(record.headers)
        # A record is nowhere without key and value.
        value = b"" if record.key is None and record.value is None else record.value
        if _size(record.key, value, headers) > MAX_RECORD_BYTES:
            # The headers made it too large for the broker. Empty, not null: null would erase.
            cut = replace(letter, cut_bytes=len(value or b""))
            headers, value = cut.to_headers(), b""
        return Send(topic, record.key, value, None, headers)


def _states(outcomes: Sequence[Outcome]) -> States:
    """Return each user's newest state, None for one who is forgotten."""
    newest = {
        one.record.key: one.state if isinstance(one, Answered) else None
        for one in outcomes
        if isinstance(one, Answered | Erased)
    }
    return {key: None if state is None else encode(state) for key, state in newest.items()}


def _size(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    of_headers = sum(len(name) + len(content or b"") + 10 for name, content in headers)
    return len(key or b"") + len(value or b"") + of_headers + RECORD_OVERHEAD_BYTES


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
