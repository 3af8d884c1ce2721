"""The newest counts of every partition: what any process can show of the lists' quality.

Fed by a view of the topic. Whoever needs the figures live (metrics, a page) follows it as a worker
does item-signals; who needs them once reads it to its end.
"""

from collections.abc import Collection
from datetime import date, timedelta

import structlog
from aiokafka import ConsumerRecord

from schemas.codec import Poison, decode
from schemas.list_quality import ListQuality
from stream_app.config import Settings
from stream_app.kafka.compacted import TopicView
from stream_app.quality.tally import added_up

__all__ = ["Counts", "counts_now"]

logger = structlog.get_logger(__name__)


class Counts:
    """Partial sums by partition and key; they count users of their own, so they add up."""

    def __init__(self) -> None:
        self._partials: dict[tuple[int, bytes], ListQuality] = {}

    def add(self, record: ConsumerRecord) -> None:
        """Take a record of list-quality in, in place of an earlier one of its key."""
        key = (record.partition, record.key)
        self._partials.pop(key, None)
        if record.value is None:
            return
        counts = decode(ListQuality, record.value)
        if isinstance(counts, Poison):
            logger.warning("counts not readable", partition=record.partition, error=counts.reason)
        else:
            self._partials[key] = counts

    @property
    def days(self) -> Collection[date]:
        """The days of which there is something."""
        return {one.day for one in self._partials.values()}

    def totals(self, num_days: int) -> dict[str, ListQuality]:
        """Return the sum of each part over the newest days, of which the newest list is the last.

        Days are counted by the calendar, whether or not there were lists.
        """
        newest = max(self.days, default=date.min)
        return added_up(
            one for one in self._partials.values() if newest - one.day < timedelta(days=num_days)
        )


async def counts_now(settings: Settings) -> Counts:
    """Return what the topic holds now.

    Raises:
        KafkaError: If the broker is gone.
    """
    counts = Counts()
    view = TopicView(settings, settings.topics.list_quality.name, counts.add)
    try:
        await view.start()
    finally:
        await view.stop()
    return counts
