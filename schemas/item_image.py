"""An item with its picture, on the way to being profiled."""

from typing import Literal

from schemas.image import NormalisedImage
from schemas.item import Item
from schemas.record import Record

__all__ = ["ItemImage"]


class ItemImage(Record):
    """An item and its normalised picture, keyed by `item_id`; a null value deletes its profile.

    `degraded` says why there is no picture although the item names one.
    """

    schema_version: Literal[1] = 1
    item: Item
    image: NormalisedImage | None = None
    degraded: str | None = None
