"""What changed in a partition's states: to their changelogs, and then to the local stores."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from aiokafka import TopicPartition

from schemas.codec import encode
from schemas.record import Record
from stream_app.partitions.owned import OwnedPartition
from stream_app.partitions.store import PartitionStore
from stream_app.partitions.transaction import Send, write

__all__ = ["Changed", "write_changes"]


class Changed(NamedTuple):
    """New states by key, None for one that is gone, with the topic and the store they belong to."""

    topic: str
    store: PartitionStore
    states: Mapping[str, Record | None]


async def write_changes(
    partition: OwnedPartition,
    changed: Sequence[Changed],
    offsets: Mapping[TopicPartition, int],
    group: str,
    sends: Sequence[Send] = (),
) -> None:
    """Write states, further records and the group's offsets together, or nothing of it.

    Raises:
        KafkaError: If the broker did not say that all of it is written; see `write`.
    """
    encoded = [
        {
            key.encode(): None if state is None else encode(state)
            for key, state in one.states.items()
        }
        for one in changed
    ]
    states = [
        Send(one.topic, key, value, partition.tp.partition)
        for one, values in zip(changed, encoded, strict=True)
        for key, value in values.items()
    ]
    written = iter(await write(partition, [*states, *sends], offsets, group))
    for one, values in zip(changed, encoded, strict=True):
        offsets_of_states = [state.offset for state in islice(written, len(values))]
        one.store.write(values, max(offsets_of_states, default=-1) + 1)
