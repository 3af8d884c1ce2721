"""Take a partition over: shut its last owner out, then bring its state up to date."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Generic, TypeVar

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from stream_app.config import Settings
from stream_app.kafka.producer import new_producer
from stream_app.partitions.owned import OwnedPartition
from stream_app.partitions.restore import restore
from stream_app.partitions.store import PartitionStore

__all__ = ["TakeOver"]

logger = structlog.get_logger(__name__)

# Each opens a few connections and a store: so many at a time.
AT_ONCE = 8
# A producer starts within a second, unless the transaction that it has to end can't be ended.
START_PATIENCE_S = 60.0
RETRY_S = 1.0

P = TypeVar("P", bound=OwnedPartition)


class TakeOver(Generic[P]):
    """Makes partitions ours, with a producer that shuts out whoever had them before.

    `changelogs` are, by topic that is read, the topics that hold its partitions' state, and `own`
    makes a partition of its producer and a store for each of them. `cluster_id` says of which
    cluster the stores below `state_dir` are.
    """

    def __init__(
        self,
        settings: Settings,
        group: str,
        state_dir: Path,
        changelogs: Mapping[str, Sequence[str]],
        own: Callable[[TopicPartition, AIOKafkaProducer, Sequence[PartitionStore]], P],
    ) -> None:
        # A store of another cluster must not be taken for this one's: set before subscribing.
        self.cluster_id = ""
        self._settings = settings
        self._group = group
        self._state_dir = state_dir
        self._changelogs = changelogs
        self._own = own
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, tp: TopicPartition) -> P:
        """Return the partition with its producer and its state.

        When the producer has started, changelogs and committed offset are final: what the last
        owner had begun is aborted.

        Raises:
            TimeoutError: If the last owner's transaction can't be ended.
            KafkaError: If a changelog can't be read.
        """
        producer = new_producer(self._settings, f"{self._group}.{tp.topic}-{tp.partition}")
        async with self._turn:
            try:
                await _start(producer, tp)
                stores = await self._stores(tp)
            except BaseException:
                await producer.stop()
                raise
        return self._own(tp, producer, stores)

    async def _stores(self, tp: TopicPartition) -> list[PartitionStore]:
        stores: list[PartitionStore] = []
        with ExitStack() as cleanup:
            for topic in self._changelogs.get(tp.topic, ()):
                store = await self._restored(TopicPartition(topic, tp.partition))
                cleanup.callback(store.close)
                stores.append(store)
            cleanup.pop_all()
        return stores

    async def _restored(self, changelog: TopicPartition) -> PartitionStore:
        name = f"{changelog.topic}-{changelog.partition}"
        store = PartitionStore(self._state_dir / name, changelog=f"{self.cluster_id}/{name}")
        try:
            num_records = await restore(self._settings, changelog, store)
        except BaseException:
            store.close()
            raise
        logger.info("state restored", changelog=name, num_records=num_records)
        return store


async def _start(producer: AIOKafkaProducer, tp: TopicPartition) -> None:
    async with asyncio.timeout(START_PATIENCE_S):
        while True:
            try:
                await producer.start()
            except KafkaConnectionError as error:
                logger.warning("no broker yet", partition=str(tp), error=str(error))
                await asyncio.sleep(RETRY_S)
            else:
                return
