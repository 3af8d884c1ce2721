"""One assigned partition of interactions: its records in hand, and what was counted of it."""

from collections import deque
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition

from models.signals.decay import Decay
from models.signals.learner import Learner
from schemas.codec import Poison, decode
from schemas.item_signals import ItemSignals
from schemas.user_signals import UserSignals
from stream_app.partitions.owned import OwnedPartition
from stream_app.partitions.store import PartitionStore

__all__ = ["CountedPartition"]

# Bounds memory and what a rebalance throws away.
FULL = 2000
# Events of a transaction at most: of an item that many of them touch, one record is written.
MAX_BATCH = 500


class CountedPartition(OwnedPartition):
    """Waiting records in order of offset; the stores hold its users and its part of the items."""

    def __init__(
        self, tp: TopicPartition, producer: AIOKafkaProducer, stores: Sequence[PartitionStore]
    ) -> None:
        super().__init__(tp, producer, stores)
        self.users, self.items = stores
        self._waiting: deque[ConsumerRecord] = deque()
        self._looked_at = b""

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
        """Whether there are records to count."""
        return bool(self._waiting)

    def take(self) -> list[ConsumerRecord]:
        """Remove and return the first records, at most a transaction's."""
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]

    def leave(self) -> None:
        """Start no more work here; what waits is left to the next owner."""
        super().leave()
        self._waiting.clear()

    def learner(self, decay: Decay) -> Learner:
        """Return one that goes on from what was written."""
        return Learner(decay, self._user, self._item)

    def next_items(self, num: int) -> list[ItemSignals]:
        """Return items behind those of the last call; behind the last one it begins anew."""
        found = self.items.after(self._looked_at, num)
        self._looked_at = found[-1][0] if found else b""
        items = (decode(ItemSignals, value) for _, value in found)
        return [item for item in items if not isinstance(item, Poison)]

    def _user(self, user_id: str) -> UserSignals | None:
        raw = self.users.get(user_id.encode())
        user = None if raw is None else decode(UserSignals, raw)
        # Written by a newer version that we can't read: begun anew, it costs a few pairs.
        return None if isinstance(user, Poison) else user

    def _item(self, item_id: str) -> ItemSignals | None:
        raw = self.items.get(item_id.encode())
        item = None if raw is None else decode(ItemSignals, raw)
        return None if isinstance(item, Poison) else item
