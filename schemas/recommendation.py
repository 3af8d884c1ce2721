"""What subscribers read: items with rank, score and reason."""

from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.ranking import Trigger
from schemas.record import Id, Record
from schemas.versions import Versions

__all__ = ["Recommendation", "RecommendedItem"]


class RecommendedItem(Record):
    """An item to show, with the sentence that says why and the sources that proposed it."""

    item_id: Id
    title: str
    rank: int = Field(ge=1)
    score: float = Field(ge=0, le=1)
    reason: str
    sources: tuple[str, ...]
    evidence: tuple[Id, ...] = ()


class Recommendation(Record):
    """The list for a user after one event, keyed by `user_id`, best item first.

    `recommendation_id` is the same for every delivery of the answer to one event: a subscriber
    who must not act twice keeps the last one per user.
    """

    schema_version: Literal[1] = 1
    recommendation_id: Id
    user_id: Id
    items: tuple[RecommendedItem, ...]
    trigger: Trigger
    summary: str
    previous_summary: str
    versions: Versions
    degraded: tuple[str, ...] = ()
    published_at: AwareDatetime
