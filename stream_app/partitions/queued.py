"""A partition whose records are worked off in their order, many in one transaction."""

from collections import deque
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition

from stream_app.partitions.owned import OwnedPartition
from stream_app.partitions.store import PartitionStore

__all__ = ["FULL", "MAX_BATCH", "QueuedPartition"]

# Bounds memory and what a rebalance throws away.
FULL = 2000
# Records of a transaction at most: of a state that many of them touch, one record is written.
MAX_BATCH = 500


class QueuedPartition(OwnedPartition):
    """Waiting records in order of offset."""

    def __init__(
        self, tp: TopicPartition, producer: AIOKafkaProducer, stores: Sequence[PartitionStore]
    ) -> None:
        super().__init__(tp, producer, stores)
        self._waiting: deque[ConsumerRecord] = deque()

    def add(self, records: Iterable[ConsumerRecord]) -> None:
        """Put polled records at the end; a partition that is leaving takes none."""
        if not self._is_leaving:
            self._waiting.extend(records)

    @property
    def is_full(self) -> bool:
        """Whether polling this partition should pause."""
        return len(self._waiting) >= FULL

    @property
    def has_work(self) -> bool:
        """Whether there are records to work off."""
        return bool(self._waiting)

    def leave(self) -> None:
        """Start no more work here; what waits is left to the next owner."""
        super().leave()
        self._waiting.clear()
