"""What came of a list: that its user was there to see it, or what the user did with its items."""

from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.interaction import InteractionKind
from schemas.record import Id, Record
from schemas.versions import Versions

__all__ = ["ListOutcome"]


class ListOutcome(Record):
    """One thing that came of a list, keyed by `user_id`.

    A list has at most one record of the kind "shown", before all its others; `num_items` says how
    many items that were. Every interaction with one of them has a record of its own kind, with the
    item, its `rank` from 1, the `sources` that proposed it and the `weight` with which the
    interaction speaks for the item (below zero: against it). `at` is when the interaction happened
    that tells, the one of `event_id`.
    """

    schema_version: Literal[1] = 1
    recommendation_id: Id
    user_id: Id
    kind: Literal["shown"] | InteractionKind
    item_id: Id | None = None
    rank: int | None = Field(default=None, ge=1)
    sources: tuple[str, ...] = ()
    weight: float = 0.0
    num_items: int = Field(ge=0)
    event_id: Id
    at: AwareDatetime
    published_at: AwareDatetime
    versions: Versions
