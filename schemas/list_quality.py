"""What came of all lists of a day: how many were shown, and what of them was taken."""

from datetime import date
from typing import Literal

from pydantic import Field

from schemas.record import Record

__all__ = ["ListQuality"]


class ListQuality(Record):
    """Counts of the lists that were published on a day (UTC), keyed by `day` and `part`.

    The parts are "all", one for each adapter ("adapter=NAME", "base weights"), one for the weights
    of the final score ("fusion=NAME", "even blend") and one for each source ("source=NAME"), which
    counts only the items that the source proposed. A record counts the users of its own partition,
    which is theirs on the interactions topic: there is one on each, and their sum is the whole. No
    user is named in it. A null value says that the day is forgotten.

    `lists` were shown, with `shown[k]` items at the place k + 1. Of these, `taken[k]` were turned
    to. `best[k]` lists have the best one of those at that place: what hit rates and MRR are made
    of.
    """

    schema_version: Literal[1] = 1
    day: date
    part: str = Field(min_length=1, max_length=512)
    lists: int = Field(default=0, ge=0)
    shown: tuple[int, ...] = ()
    taken: tuple[int, ...] = ()
    best: tuple[int, ...] = ()
