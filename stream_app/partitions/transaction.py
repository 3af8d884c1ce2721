"""Records and how far their partition is read, written together or not at all."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidTxnState
from aiokafka.structs import RecordMetadata

from stream_app.partitions.owned import OwnedPartition

__all__ = ["Headers", "Send", "send_all", "write"]

Headers = list[tuple[str, bytes]]


class Send(NamedTuple):
    """A record to write; without a partition the key decides."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Headers | None = None


async def write(
    partition: OwnedPartition,
    sends: Sequence[Send],
    offsets: Mapping[TopicPartition, int],
    group: str,
) -> list[RecordMetadata]:
    """Write records and, for the group, the offsets to go on from; return where the records lie.

    Raises:
        KafkaError: If the broker did not say that all of it is written, a ProducerFenced if
            another producer has the partition's id by now. The committed offset tells then, and
            the producer is of no more use.
    """
    producer = partition.producer
    async with producer.transaction():
        try:
            written = await send_all(producer, sends)
        except InvalidTxnState:
            _raise_what_ended(producer)
            raise
        if offsets:
            await producer.send_offsets_to_transaction(dict(offsets), group)
    return written


async def send_all(producer: AIOKafkaProducer, to_send: Sequence[Send]) -> list[RecordMetadata]:
    """Write records side by side and return where they lie, in order, once the broker has all."""
    return await asyncio.gather(
        *[
            producer.send_and_wait(
                one.topic, one.value, key=one.key, partition=one.partition, headers=one.headers
            )
            for one in to_send
        ]
    )


def _raise_what_ended(producer: AIOKafkaProducer) -> None:
    """Raise why a topic was not taken into the transaction, such as a missing right to it.

    aiokafka keeps that for the commit, and writes to the topic all the same.
    """
    end: asyncio.Future[None] = producer._txn_manager.wait_for_transaction_end()
    if end.done():
        end.result()
