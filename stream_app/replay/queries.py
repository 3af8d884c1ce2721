"""What offline evaluation asks, and what ours and every baseline answer.

A log in memory is a sequence of interactions in the order of time; a position is a place in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["Query", "RankedList"]


@dataclass(frozen=True)
class Query:
    """One moment at which a list is asked for, and what the user then did.

    Only events before `position` in the log (sorted by time) may be used to answer. `seen` are the
    items that the user has interacted with before; they are not to be listed unless the protocol
    says so.
    """

    query_id: str  # the event_id of the target's event
    user_id: str
    at: datetime  # event time of the target's event, aware
    position: int  # the target event's place in the sorted log
    target: str  # item_id
    num_history: int  # the user's events before it
    seen: frozenset[str]
    # The paper's 1 positive + 20 negatives, shuffled; None: whole catalogue.
    candidates: tuple[str, ...] | None = None
    is_cold_item: bool = False  # no event of the target before `position`


@dataclass(frozen=True)
class RankedList:
    """An answer: item ids best first with their scores, bounded in length.

    Higher scores are better, equal scores are ties. `cost_s` seconds and `tokens` model tokens it
    took, None where not known; `sources` by item which sources proposed it.
    """

    query_id: str
    item_ids: tuple[str, ...]
    scores: tuple[float, ...]
    cost_s: float | None = None
    tokens: int | None = None
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
