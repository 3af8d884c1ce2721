"""What users did with an item, and before and after it: counts that fade."""

from typing import Literal

from pydantic import AwareDatetime

from schemas.record import Id, Record, Weight

__all__ = ["ItemSignals"]


class ItemSignals(Record):
    """Decayed counts of an item, keyed by `item_id`; a null value says that nothing is left of it.

    A record counts the users of its own partition, which is theirs on the interactions topic: an
    item has one on each, and their sum is the whole. No user is named in it, and of one who is
    erased it keeps what was counted, until that has faded.

    `transitions` are the items that users went on to next, `covisits` those among a user's last
    few before or after it. All weights are as of `updated_at`, in events that speak fully for an
    item.
    """

    schema_version: Literal[1] = 1
    item_id: Id
    popularity: Weight = 0.0
    transitions: dict[Id, Weight] = {}
    covisits: dict[Id, Weight] = {}
    updated_at: AwareDatetime
