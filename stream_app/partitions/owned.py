"""A partition that is ours: who may write for it, and what lies of it on local disk."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import structlog
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition

from stream_app.partitions.store import PartitionStore

__all__ = ["OwnedPartition"]

logger = structlog.get_logger(__name__)

# An idle producer stops at once; one that waits for a partition without leader would never.
STOP_PATIENCE_S = 5.0


class OwnedPartition(ABC):
    """Its records in hand are the business of the process that reads them.

    `producer` alone can write what follows from the partition, see
    `stream_app.partitions.transaction`. `stores` hold its state, one for each changelog.
    """

    def __init__(
        self,
        tp: TopicPartition,
        producer: AIOKafkaProducer,
        stores: Sequence[PartitionStore] = (),
    ) -> None:
        self.tp = tp
        self.producer = producer
        self.stores = stores
        self.closing = asyncio.Event()
        self._is_leaving = False

    @abstractmethod
    def add(self, records: Iterable[ConsumerRecord]) -> None:
        """Take polled records in hand; a partition that is leaving takes none."""

    @property
    @abstractmethod
    def is_full(self) -> bool:
        """Whether polling this partition should pause."""

    def leave(self) -> None:
        """Start no more work here; what waits is left to the next owner."""
        self._is_leaving = True

    @property
    def is_leaving(self) -> bool:
        """Whether no more work starts here."""
        return self._is_leaving

    async def close(self) -> None:
        """Release the stores' files and the producer's connections; what is begun is given up."""
        self.closing.set()
        for store in self.stores:
            store.close()
        try:
            await asyncio.wait_for(self.producer.stop(), STOP_PATIENCE_S)
        except TimeoutError:
            logger.warning("producer left behind", partition=str(self.tp))
