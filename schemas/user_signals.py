"""What a user's next event is counted with: the last few items, and which events have counted."""

from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.record import Id, Record, Weight

__all__ = ["UserSignals", "Visit"]


class Visit(Record):
    """An item that the user did something with, and how strongly that spoke for it."""

    item_id: Id
    weight: Weight
    at: AwareDatetime


class UserSignals(Record):
    """A user's newest items, keyed by `user_id`; a null value says that the user was erased.

    `recent` are the newest items that an event spoke for, each once, oldest first; `event_ids` the
    newest events. `applied_offset` is that of the last event on the interactions topic that
    counted, -1 for none.
    """

    schema_version: Literal[1] = 1
    user_id: Id
    recent: tuple[Visit, ...] = ()
    event_ids: tuple[Id, ...] = ()
    applied_offset: int = Field(default=-1, ge=-1)
