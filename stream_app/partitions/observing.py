"""Records of interactions -> what observes them; what is none is left out."""

from datetime import UTC, datetime
from typing import Protocol

import structlog
from aiokafka import ConsumerRecord

from schemas.codec import Poison, decode
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction

__all__ = ["Observer", "observe"]

logger = structlog.get_logger(__name__)


class Observer(Protocol):
    """What goes on from one interaction to the next."""

    def observe(self, event: Interaction, source: SourcePosition) -> object:
        """Take an event in, after all earlier ones of its user."""

    def erase(self, user_id: str) -> None:
        """Forget a user."""


def observe(observer: Observer, record: ConsumerRecord) -> None:
    """Have a record observed; a null value erases its user.

    What is no interaction is left out: the ingest agent sets it aside.
    """
    try:
        _observe(observer, record)
    # A key that is not UTF-8, a time that is no date: one bad record costs one record.
    except (ValueError, OverflowError, OSError) as error:
        logger.debug("record left out", offset=record.offset, error=str(error))


def _observe(observer: Observer, record: ConsumerRecord) -> None:
    if record.key is None:
        return
    user_id = record.key.decode()
    if record.value is None:
        observer.erase(user_id)
        return
    event = decode(Interaction, record.value)
    if isinstance(event, Poison) or event.user_id != user_id:
        return
    timestamp = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    source = SourcePosition(partition=record.partition, offset=record.offset, timestamp=timestamp)
    observer.observe(event, source)
