"""A user's newest lists: what the next interactions may have come from."""

from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.record import Id, Record
from schemas.versions import Versions

__all__ = ["ListedItem", "RememberedList", "UserLists"]


class ListedItem(Record):
    """An item of a list, with the sources that proposed it."""

    item_id: Id
    sources: tuple[str, ...]


class RememberedList(Record):
    """What of a recommendation is needed to tell what came of it; the best item comes first.

    `answers` is the offset, on the interactions topic, of the event that it answers, and `at` when
    that happened. `is_shown` tells whether the user was there to see it, `taken` the ranks, from 1,
    of the items that the user turned to.
    """

    recommendation_id: Id
    answers: int = Field(ge=0)
    at: AwareDatetime
    published_at: AwareDatetime
    versions: Versions
    items: tuple[ListedItem, ...]
    is_shown: bool = False
    taken: tuple[int, ...] = ()


class UserLists(Record):
    """A user's newest lists, keyed by `user_id`; a null value says that the user was erased.

    `event_ids` are the newest events. Offsets are those of the interactions topic: `since` that of
    the first event known (a list that answers an earlier one is of a user who was erased since),
    `applied_offset` that of the last event that was judged, `listed_offset` that of the last event
    that has a list here, -1 for none.
    """

    schema_version: Literal[1] = 1
    user_id: Id
    lists: tuple[RememberedList, ...] = ()
    event_ids: tuple[Id, ...] = ()
    since: int = Field(ge=0)
    applied_offset: int = Field(default=-1, ge=-1)
    listed_offset: int = Field(default=-1, ge=-1)
