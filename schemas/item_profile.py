"""What an item shows, in words and as a vector: made once, read by every ranking."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from schemas.record import Id, Record, Text, Word
from schemas.versions import Versions

__all__ = ["ItemProfile"]


class ItemProfile(Record):
    """The model's reading of an item, keyed by `item_id`; a null value deletes it.

    `embedding` is a unit vector as little-endian float16, shape `(dim,)`. `source_hash` covers
    the item's text and its picture's etag: as long as it and `versions` stay, the model need not
    look again. `degraded` says what the profile could not rest on.
    """

    schema_version: Literal[1] = 1
    item_id: Id
    title: Annotated[str, Field(min_length=1, max_length=500)]
    summary: Text
    attributes: dict[Word, Word] = {}
    categories: tuple[Word, ...] = ()
    embedding: Annotated[bytes, Field(min_length=2, max_length=32_768)]
    price: float | None = None
    available: bool = True
    added_at: AwareDatetime | None = None
    source_hash: str
    versions: Versions
    degraded: str | None = None
