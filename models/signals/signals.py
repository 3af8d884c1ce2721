"""What is known of all items together: the sum of the partitions' counts, and its questions.

Live, each worker puts in what the topic brings; a replay observes events itself, as one partition.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from math import inf

import numpy as np
from numpy.typing import NDArray

from models.signals.decay import Decay
from models.signals.leaders import Leaders
from models.signals.learner import Learner
from schemas.enriched_interaction import SourcePosition
from schemas.interaction import Interaction
from schemas.item_signals import ItemSignals

__all__ = ["Signals"]

Weighted = list[tuple[str, float]]
# The partition that stands for all where there is but one log.
ONLY = 0


class Signals:
    """Neighbours of items, and the most popular ones, overall and by category.

    Not safe to change while another thread reads it. Ties go by item id, so that equal counts give
    equal answers in whatever order they came.
    """

    def __init__(self, decay: Decay | None = None) -> None:
        self._decay = decay or Decay()
        self._learner = Learner(self._decay)
        self._partials: dict[str, dict[int, ItemSignals]] = {}
        # Kept, because they are asked for hundreds of items at every event.
        self._standings: dict[str, float] = {}
        self._categories: dict[str, tuple[str, ...]] = {}
        self._overall = Leaders()
        self._by_category: defaultdict[str, Leaders] = defaultdict(Leaders)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of any item."""
        return not self._partials

    def observe(self, event: Interaction, source: SourcePosition) -> None:
        """Count an event of the only log there is; each user's events come in their order."""
        for item_id in self._learner.observe(event, source):
            self.put(ONLY, item_id, self._learner.items[item_id])

    def put(self, partition: int, item_id: str, partial: ItemSignals | None) -> None:
        """Put what a partition's users did with an item in place of what was known of it.

        None says that nothing is left.
        """
        partials = self._partials.pop(item_id, {})
        partials.pop(partition, None)
        if partial is not None:
            partials[partition] = partial
        standing = self._decay.standing(
            (one.popularity, one.updated_at) for _, one in sorted(partials.items())
        )
        self._standings.pop(item_id, None)
        if partials:
            self._partials[item_id] = partials
            self._standings[item_id] = standing
        self._overall.put(item_id, standing)
        for category in self._categories.get(item_id, ()):
            self._by_category[category].put(item_id, standing)

    def describe(self, item_id: str, categories: tuple[str, ...]) -> None:
        """Note an item's categories; none for an item that has gone."""
        before = self._categories.pop(item_id, ())
        if categories:
            self._categories[item_id] = categories
        standing = self._standings.get(item_id, -inf)
        for category in {*before, *categories}:
            leads = category in categories
            self._by_category[category].put(item_id, standing if leads else -inf)

    def neighbours(self, item_id: str, k: int, at: datetime) -> Weighted:
        """Return the `k` items that go most with one, with their weights `at` a time.

        Transitions from it and co-visits add up: what users went on to next counts twice.
        """
        weights: defaultdict[str, float] = defaultdict(float)
        for _, partial in sorted(self._partials.get(item_id, {}).items()):
            left = self._decay.left(partial.updated_at, at)
            for counts in (partial.transitions, partial.covisits):
                for other, weight in counts.items():
                    weights[other] += weight * left
        return sorted(weights.items(), key=lambda one: (-one[1], one[0]))[:k]

    def popularity(self, item_id: str, at: datetime) -> float:
        """Return how much speaks for an item `at` a time, in events that speak fully for it."""
        return self._decay.weight(self._standings.get(item_id, -inf), at)

    def prominences(self, item_ids: Sequence[str]) -> NDArray[np.float64]:
        """Return the items' popularity as shares of the highest, in `[0, 1]`, at any time."""
        best = self._overall.best()
        if not best:
            return np.zeros(len(item_ids))
        standings = np.array([self._standings.get(item_id, -inf) for item_id in item_ids])
        shares: NDArray[np.float64] = np.exp2(np.minimum(0.0, standings - best[0][1]))
        return shares

    def popular(self, k: int, at: datetime, category: str | None = None) -> Weighted:
        """Return the `k` most popular items, of a category if one is given, with their weights.

        `MAX_LEADERS` of them are known for certain.
        """
        return [
            (item_id, self._decay.weight(standing, at))
            for item_id, standing in self._leaders(category)[:k]
        ]

    def leaders(self, category: str | None = None) -> Iterator[str]:
        """Yield the most popular items, of a category if one is given, in an order without time."""
        return (item_id for item_id, _ in self._leaders(category))

    def _leaders(self, category: str | None) -> Weighted:
        leaders = self._overall if category is None else self._by_category.get(category)
        return [] if leaders is None else leaders.best()
