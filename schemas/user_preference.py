"""The state of a user: short, readable, bounded."""

from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.interaction import InteractionKind
from schemas.record import Id, Record, Weight, Word
from schemas.versions import Versions

__all__ = ["Evidence", "UserPreference"]


class Evidence(Record):
    """An interaction that the preference rests on.

    `text` is the item's profile, shortened to what a prompt shows. `weight` is how strongly it
    speaks, for or against by its `kind`, decayed to the state's `updated_at`.
    """

    event_id: Id
    item_id: Id
    title: str
    text: str
    kind: InteractionKind
    rating: float | None = None
    weight: Weight
    occurred_at: AwareDatetime


class UserPreference(Record):
    """What a user likes now, keyed by `user_id`; a null value says that the user was erased.

    `summary` is text by the model, `likes` and `dislikes` are decayed counts of item attributes
    ("colour=blue") as of `updated_at`. `recent` holds the newest interactions, oldest first, and
    `block_size` says how many at its end the summary doesn't know yet.
    `applied_offsets` is, by partition of the interactions topic, the offset of the last event
    that this state includes: one at or below it is a repetition.
    """

    schema_version: Literal[1] = 1
    user_id: Id
    summary: str = ""
    likes: dict[Word, Weight] = {}
    dislikes: dict[Word, Weight] = {}
    evidence: tuple[Evidence, ...] = ()
    recent: tuple[Evidence, ...] = ()
    block_size: int = Field(default=0, ge=0)
    excluded: tuple[Id, ...] = ()
    num_events: int = Field(default=0, ge=0)
    applied_offsets: dict[int, int] = {}
    updated_at: AwareDatetime
    versions: Versions
