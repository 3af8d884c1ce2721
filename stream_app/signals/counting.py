"""Records of interactions -> what they change; decides, writes nothing."""

from collections.abc import Iterable

from aiokafka import ConsumerRecord

from models.signals.learner import Learner
from stream_app.partitions.observing import observe

__all__ = ["count"]


def count(learner: Learner, records: Iterable[ConsumerRecord]) -> None:
    """Count a partition's records in their order; what is no interaction is left out."""
    for record in records:
        observe(learner, record)
