"""An interaction with what the worker needs to know of its item."""

from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.image import NormalisedImage
from schemas.interaction import Interaction
from schemas.item import Item
from schemas.record import Record

__all__ = ["EnrichedInteraction", "SourcePosition"]


class SourcePosition(Record):
    """Where an event stood on the interactions topic: its identity through all later stages.

    `timestamp` is the broker's or the producer's time of the record.
    """

    partition: int = Field(ge=0)
    offset: int = Field(ge=0)
    timestamp: AwareDatetime


class EnrichedInteraction(Record):
    """An event that passed validation, keyed by `user_id`; a null value erases the user.

    The picture rides along only while the item has no profile. `degraded` says why it is
    missing although the item names one.
    """

    schema_version: Literal[1] = 1
    interaction: Interaction
    source: SourcePosition
    item: Item
    image: NormalisedImage | None = None
    degraded: str | None = None
