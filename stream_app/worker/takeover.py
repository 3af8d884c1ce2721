"""Take a partition over: shut its last owner out, then bring its state up to date."""

import asyncio
from pathlib import Path

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from stream_app.config import Settings
from stream_app.kafka.producer import new_producer
from stream_app.worker.partition import Partition
from stream_app.worker.restore import restore
from stream_app.worker.store import PartitionStore

__all__ = ["TakeOver"]

logger = structlog.get_logger(__name__)

# Each opens a few connections and a store: so many at a time.
AT_ONCE = 8
# A producer starts within a second, unless the transaction that it has to end can't be ended.
START_PATIENCE_S = 60.0
RETRY_S = 1.0


class TakeOver:
    """Makes partitions ours, with a producer that shuts out whoever had them before.

    `cluster_id` says of which cluster the stores below `state_dir` are.
    """

    def __init__(self, settings: Settings, state_dir: Path) -> None:
        # A store of another cluster must not be taken for this one's: set before subscribing.
        self.cluster_id = ""
        self._settings = settings
        self._state_dir = state_dir
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, tp: TopicPartition) -> Partition:
        """Return the partition with its producer and, if it holds users' events, their states.

        When the producer has started, changelog and committed offset are final: what the last
        owner had begun is aborted.

        Raises:
            TimeoutError: If the last owner's transaction can't be ended.
            KafkaError: If the changelog can't be read.
        """
        group = self._settings.group("worker")
        producer = new_producer(self._settings, f"{group}.{tp.topic}-{tp.partition}")
        async with self._turn:
            try:
                await _start(producer, tp)
                has_state = tp.topic == self._settings.topics.interactions_enriched.name
                store = await self._restored(tp.partition) if has_state else None
            except BaseException:
                await producer.stop()
                raise
        return Partition(tp, producer, store)

    async def _restored(self, number: int) -> PartitionStore:
        changelog = TopicPartition(self._settings.topics.user_preferences.name, number)
        name = f"{changelog.topic}-{number}"
        store = PartitionStore(self._state_dir / name, changelog=f"{self.cluster_id}/{name}")
        try:
            num_records = await restore(self._settings, changelog, store)
        except BaseException:
            store.close()
            raise
        logger.info("state restored", partition=number, num_records=num_records)
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
