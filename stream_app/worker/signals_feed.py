"""item-signals -> what the crowd does, applied only while no engine call reads it."""

from collections import OrderedDict

import structlog
from aiokafka import ConsumerRecord

from models.signals.signals import Signals
from schemas.codec import Poison, decode
from schemas.item_signals import ItemSignals

__all__ = ["SignalsFeed"]

logger = structlog.get_logger(__name__)


class SignalsFeed:
    """Keeps the newest change of each item and partition until `apply`."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._changes: OrderedDict[tuple[int, str], bytes | None] = OrderedDict()

    def add(self, record: ConsumerRecord) -> None:
        """Keep a change; a null value says that nothing is left of what was counted."""
        self._changes[record.partition, record.key.decode(errors="replace")] = record.value

    @property
    def has_changes(self) -> bool:
        """Whether there is anything to apply."""
        return bool(self._changes)

    def apply(self) -> None:
        """Bring the signals up to date with what has come by now; not on the event loop."""
        for _ in range(len(self._changes)):
            (partition, item_id), value = self._changes.popitem(last=False)
            partial = None if value is None else decode(ItemSignals, value)
            if isinstance(partial, Poison):
                logger.warning("signals not readable", item_id=item_id, error=partial.reason)
            else:
                self._signals.put(partition, item_id, partial)
