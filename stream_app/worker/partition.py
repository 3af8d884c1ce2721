"""One assigned partition: its records in hand, what may be committed, and its users' store."""

from collections import OrderedDict
from collections.abc import Collection, Iterable

from aiokafka import ConsumerRecord, TopicPartition

from stream_app.worker.offsets import OffsetTracker
from stream_app.worker.store import PartitionStore

__all__ = ["Partition"]

# Bounds memory (records carry pictures of up to 256 KB) and what a rebalance throws away.
FULL = 256
# How far behind a busy user's events another user's is looked for.
MAX_LOOK_AHEAD = 128


class Partition:
    """Waiting records in order of offset. `store` is None for partitions without user state."""

    def __init__(self, tp: TopicPartition, store: PartitionStore | None) -> None:
        self.tp = tp
        self.store = store
        self.tracker = OffsetTracker()
        self._waiting: OrderedDict[int, ConsumerRecord] = OrderedDict()
        self._is_leaving = False

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

    def take(self, max_records: int, taken_keys: Collection[bytes] = ()) -> list[ConsumerRecord]:
        """Remove and return the first record of each key that is not in `taken_keys`.

        One record of a key at most: a user's next event needs the state after this one. A record
        without a key (nothing of ours writes one) counts as a key of its own.
        """
        keys = set(taken_keys)
        chosen: list[ConsumerRecord] = []
        for looked_at, record in enumerate(self._waiting.values()):
            if len(chosen) == max_records or looked_at == MAX_LOOK_AHEAD:
                break
            if record.key is None or record.key not in keys:
                keys.add(record.key)
                chosen.append(record)
        for record in chosen:
            del self._waiting[record.offset]
        return chosen

    def leave(self) -> None:
        """Start no more work here; what waits is left to the next owner."""
        self._is_leaving = True
        self._waiting.clear()

    def close(self) -> None:
        """Release the store's files."""
        if self.store is not None:
            self.store.close()
