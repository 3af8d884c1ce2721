"""Something a user did with an item: the input of everything."""

from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.record import Id, Record

__all__ = ["Interaction", "InteractionKind"]

InteractionKind = Literal["view", "click", "like", "dislike", "purchase", "rating"]


class Interaction(Record):
    """One user-item event, keyed by `user_id`; a null value in its place erases the user.

    `event_id` is the idempotency key: whoever sends the same event again sends the same id, and
    it is applied once as long as it is among the user's newest 16.
    `rating` is in `[0, 5]` and only read when `kind` is "rating".
    """

    schema_version: Literal[1] = 1
    event_id: Id
    user_id: Id
    item_id: Id
    kind: InteractionKind
    occurred_at: AwareDatetime
    rating: float | None = Field(default=None, ge=0, le=5)
