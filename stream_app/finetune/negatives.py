"""Items that a user was not seen with, drawn from those that existed by then."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Literal

import numpy as np

from models.preference import leaning
from schemas.interaction import Interaction
from schemas.item import Item

__all__ = ["Negatives", "Pool", "exists_from", "popularity"]

Negatives = Literal["uniform", "popularity", "both"]


def exists_from(items: Mapping[str, Item], events: Iterable[Interaction]) -> dict[str, datetime]:
    """Return since when each item is known to exist: its `added_at`, or its first event if earlier.

    An item with neither is left out: it may have come after all that is learned from.
    """
    since = {item_id: item.added_at for item_id, item in items.items() if item.added_at}
    for event in events:
        first = since.get(event.item_id, event.occurred_at)
        since[event.item_id] = min(first, event.occurred_at)
    return since


def popularity(events: Iterable[Interaction]) -> Counter[str]:
    """Return how many of the events speak for each item."""
    return Counter(event.item_id for event in events if leaning(event) > 0)


class Pool:
    """Items to draw from, each as probable as its weight among those that exist."""

    def __init__(self, since: Mapping[str, datetime], weights: Mapping[str, float]) -> None:
        """Sort the items by age.

        Args:
            since: When each item came into being.
            weights: Not negative; an item without one is never drawn.
        """
        by_age = sorted(since, key=lambda item_id: (since[item_id], item_id))
        self._item_ids = by_age
        self._since = [since[item_id] for item_id in by_age]
        self._weights = np.array([weights.get(item_id, 0.0) for item_id in by_age])
        self._places = {item_id: place for place, item_id in enumerate(by_age)}

    def draw(
        self, rng: np.random.Generator, *, at: datetime, excluded: Collection[str]
    ) -> str | None:
        """Return an item that existed at a time and is not excluded, None if there is none."""
        num_existing = bisect_right(self._since, at)
        weights = self._weights[:num_existing].copy()
        places = [self._places[item_id] for item_id in excluded if item_id in self._places]
        weights[[place for place in places if place < num_existing]] = 0.0
        total = weights.sum()
        if total <= 0:
            return None
        return self._item_ids[rng.choice(num_existing, p=weights / total)]
