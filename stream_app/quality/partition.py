"""One assigned partition of interactions with the lists that answer them, in the order of both."""

from collections.abc import Sequence
from typing import TypeAlias

from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition

from schemas.codec import Poison, decode
from schemas.list_quality import ListQuality
from schemas.user_lists import UserLists
from stream_app.partitions.queued import MAX_BATCH, QueuedPartition
from stream_app.partitions.store import PartitionStore
from stream_app.quality.judge import Judge
from stream_app.quality.lists import Arrived, ListReader

__all__ = ["JudgedPartition", "Step"]

Step: TypeAlias = ConsumerRecord | Arrived


class JudgedPartition(QueuedPartition):
    """Waiting interactions and lists; the stores hold its users and its part of the counts."""

    def __init__(
        self,
        tp: TopicPartition,
        producer: AIOKafkaProducer,
        stores: Sequence[PartitionStore],
        lists: ListReader,
    ) -> None:
        super().__init__(tp, producer, stores)
        self.users, self.counts = stores
        self.lists = lists
        self._next_event = 0

    async def start(self) -> None:
        """Read lists from now on.

        Raises:
            KafkaError: If the broker is gone.
        """
        await self.lists.start()
        self._next_event = await self.lists.committed(self.tp)

    @property
    def has_work(self) -> bool:
        """Whether there is something to judge."""
        return not self.is_leaving and (super().has_work or self._is_list_due)

    async def take(self) -> list[Step]:
        """Remove and return what comes first, at most a transaction's; nothing when it is leaving.

        A list comes behind the event that it answers, and before what is done after it is there. So
        an event waits until all lists have come that the topic has by now, or until one waits that
        answers this event or a later one: what was published before it has come, too.
        """
        num_sure = len(self._waiting)
        have_come = await self.lists.has_come()
        steps: list[Step] = []
        while len(steps) < MAX_BATCH and not self.is_leaving:
            if self._is_list_due:
                steps.append(self.lists.take())
            elif num_sure and (have_come or self.lists.waiting):
                record = self._waiting.popleft()
                self._next_event = record.offset + 1
                num_sure -= 1
                steps.append(record)
            else:
                break
        return steps

    def judge(self) -> Judge:
        """Return one that goes on from what was written."""
        return Judge(
            lambda user_id: self.users.record(UserLists, user_id),
            lambda key: self.counts.record(ListQuality, key),
        )

    def oldest_counts(self, num: int) -> list[ListQuality]:
        """Return the counts of the oldest days."""
        found = (decode(ListQuality, value) for _, value in self.counts.after(b"", num))
        return [one for one in found if not isinstance(one, Poison)]

    def leave(self) -> None:
        """Start no more work here; what waits is left to the next owner."""
        super().leave()
        self.lists.leave()

    async def close(self) -> None:
        """Release files and connections; what is begun is given up."""
        await self.lists.close()
        await super().close()

    @property
    def _is_list_due(self) -> bool:
        return bool(self.lists.waiting) and self.lists.waiting[0].one.answers < self._next_event
