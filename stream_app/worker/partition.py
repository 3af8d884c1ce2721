"""One assigned partition of the worker: its records in hand, and its users' store."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Self

from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition

from stream_app.partitions.owned import OwnedPartition
from stream_app.partitions.store import PartitionStore
from stream_app.worker.offsets import OffsetTracker

__all__ = ["Partition"]

# Bounds memory (records carry pictures of up to 256 KB) and what a rebalance throws away.
FULL = 256
# How far behind a busy user's events another user's is looked for.
MAX_LOOK_AHEAD = 128


class Partition(OwnedPartition):
    """Waiting records in order of offset; `store` is None for partitions without user state."""

    def __init__(
        self, tp: TopicPartition, producer: AIOKafkaProducer, store: PartitionStore | None = None
    ) -> None:
        super().__init__(tp, producer, () if store is None else (store,))
        self.store = store
        self.tracker = OffsetTracker()
        self._waiting: OrderedDict[int, ConsumerRecord] = OrderedDict()

    @classmethod
    def with_stores(
        cls, tp: TopicPartition, producer: AIOKafkaProducer, stores: Sequence[PartitionStore]
    ) -> Self:
        """Return the partition with its only store, or without one."""
        return cls(tp, producer, *stores)

    def add(self, records: Iterable[ConsumerRecord]) -> None:
        """Put polled records at the end; a partition that is leaving takes none."""
        for record in () if self._is_leaving else records:
            self.tracker.start(record.offset)
            self._waiting[record.offset] = record

    @property
    def is_full(self) -> bool:
        """Whether polling this partition should pause."""
        return self.tracker.num_in_hand >= FULL

    @property
    def num_waiting(self) -> int:
        """Records that are in no batch yet."""
        return len(self._waiting)

    def take(self, max_keys: int, max_of_key: int = 1) -> list[ConsumerRecord]:
        """Remove and return the first records of at most `max_keys` keys, in order of offset.

        Of each key the first `max_of_key` that wait: they are to be worked off in their order. A
        record without a key (nothing of ours writes one) counts as a key of its own.
        """
        room: dict[object, int] = {}
        chosen: list[ConsumerRecord] = []
        for looked_at, record in enumerate(islice(self._waiting.values(), MAX_LOOK_AHEAD)):
            if record.value is None and looked_at > len(chosen):
                # It erases what alone knows which events were applied: none before it may be read
                # again, so it goes with all of them, and the offset passes it.
                break
            key = record.offset if record.key is None else record.key
            if key not in room and len(room) < max_keys:
                room[key] = max_of_key
            elif record.value is None:
                room[key] = 0
            if room.get(key, 0) > 0:
                chosen.append(record)
                # What follows on an erasure has to find the state erased.
                room[key] = 0 if record.value is None else room[key] - 1
        for record in chosen:
            del self._waiting[record.offset]
        return chosen

    def put_back(self, records: Iterable[ConsumerRecord]) -> None:
        """Have records wait again that were taken and not finished, at the place they had."""
        if not self._is_leaving:
            waiting = {record.offset: record for record in records} | self._waiting
            self._waiting = OrderedDict(sorted(waiting.items()))

    def leave(self) -> None:
        """Start no more work here; what waits is left to the next owner."""
        super().leave()
        self._waiting.clear()
