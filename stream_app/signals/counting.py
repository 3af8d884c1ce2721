"""Records of interactions -> what they change; decides, writes nothing."""

from collections.abc import Iterable
from datetime import UTC, datetime

import structlog
from aiokafka import ConsumerRecord

from models.signals.learner import Learner
from schemas.codec import Poison, decode
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction

__all__ = ["count"]

logger = structlog.get_logger(__name__)


def count(learner: Learner, records: Iterable[ConsumerRecord]) -> None:
    """Count a partition's records in their order; a null value erases its user.

    What is no interaction is left out: the ingest agent sets it aside.
    """
    for record in records:
        try:
            _count(learner, record)
        # A key that is not UTF-8, a time that is no date: one bad record costs one record.
        except (ValueError, OverflowError, OSError) as error:
            logger.debug("record left out", offset=record.offset, error=str(error))


def _count(learner: Learner, record: ConsumerRecord) -> None:
    if record.key is None:
        return
    user_id = record.key.decode()
    if record.value is None:
        learner.erase(user_id)
        return
    event = decode(Interaction, record.value)
    if isinstance(event, Poison) or event.user_id != user_id:
        return
    timestamp = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    source = SourcePosition(partition=record.partition, offset=record.offset, timestamp=timestamp)
    learner.observe(event, source)
