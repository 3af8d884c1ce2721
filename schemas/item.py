"""An item of the catalogue, as the shop describes it."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from schemas.record import Id, Record, Text, Word

__all__ = ["ImageLocation", "Item"]


class ImageLocation(Record):
    """Where a picture lies in object storage."""

    bucket: Annotated[str, StringConstraints(min_length=3, max_length=63)]
    key: Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class Item(Record):
    """A catalogue entry, keyed by `item_id`; a null value deletes it."""

    schema_version: Literal[1] = 1
    item_id: Id
    title: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    description: Text = ""
    categories: Annotated[tuple[Word, ...], Field(max_length=32)] = ()
    attributes: Annotated[dict[Word, Word], Field(max_length=64)] = {}
    image: ImageLocation | None = None
    price: float | None = Field(default=None, ge=0)
    available: bool = True
    added_at: AwareDatetime | None = None
