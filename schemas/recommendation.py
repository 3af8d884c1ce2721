"""What subscribers read: items with rank, score and reason."""

from typing import Literal

from pydantic import AwareDatetime, Field

from schemas.ranking import Trigger
from schemas.record import Id, Record
from schemas.versions import Versions

__all__ = ["Contender", "Exploration", "Recommendation", "RecommendedItem"]


class RecommendedItem(Record):
    """An item to show, with the sentence that says why and the sources that proposed it.

    `propensity` is the probability that this item stands at this place, whatever the others are:
    over the draw of exploration, given the candidates. Without exploration there is none.
    """

    item_id: Id
    title: str
    rank: int = Field(ge=1)
    score: float = Field(ge=0, le=1)
    reason: str
    sources: tuple[str, ...]
    evidence: tuple[Id, ...] = ()
    propensity: float | None = Field(
        default=None, gt=0, le=1, exclude_if=lambda propensity: propensity is None
    )


class Contender(Record):
    """A candidate that could have been shown, with what its score is made of."""

    item_id: Id
    categories: tuple[str, ...] = ()
    prior: float = Field(ge=0, le=1)
    model_score: float | None = Field(default=None, ge=0, le=1)
    opinions: dict[str, float] = {}


class Exploration(Record):
    """What a list of another policy is made from, and judged with.

    `share` is that of the answers in which one place is drawn by chance, `is_drawn` whether this is
    one of them. `candidates` are all that were available, best first; `num_events` is the length of
    the user's history.
    """

    share: float = Field(gt=0, le=1)
    is_drawn: bool
    num_events: int = Field(ge=0)
    candidates: tuple[Contender, ...]


class Recommendation(Record):
    """The list for a user after one event, keyed by `user_id`, best item first.

    `recommendation_id` is the same for every delivery of the answer to one event: a subscriber
    who must not act twice keeps the last one per user. Where a place was drawn, the item there is
    not the best of those left.
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
    exploration: Exploration | None = Field(default=None, exclude_if=lambda one: one is None)
