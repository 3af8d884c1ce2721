"""One assigned partition of interactions: its records in hand, and what was counted of it."""

from collections.abc import Sequence

from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition

from models.signals.decay import Decay
from models.signals.learner import Learner
from schemas.codec import Poison, decode
from schemas.item_signals import ItemSignals
from schemas.user_signals import UserSignals
from stream_app.partitions.queued import MAX_BATCH, QueuedPartition
from stream_app.partitions.store import PartitionStore

__all__ = ["CountedPartition"]


class CountedPartition(QueuedPartition):
    """Waiting records in order of offset; the stores hold its users and its part of the items."""

    def __init__(
        self, tp: TopicPartition, producer: AIOKafkaProducer, stores: Sequence[PartitionStore]
    ) -> None:
        super().__init__(tp, producer, stores)
        self.users, self.items = stores
        self._looked_at = b""

    def take(self) -> list[ConsumerRecord]:
        """Remove and return the first records, at most a transaction's."""
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]

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
        # One that was written by a newer version and can't be read costs a few pairs.
        return self.users.record(UserSignals, user_id)

    def _item(self, item_id: str) -> ItemSignals | None:
        return self.items.record(ItemSignals, item_id)
