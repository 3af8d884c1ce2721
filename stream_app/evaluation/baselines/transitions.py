"""After this item came that one: a Markov chain over items whose old steps fade."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from schemas.interaction import Interaction
from stream_app.evaluation.baselines.baseline import Baseline, Question, Scores, unix_s
from stream_app.evaluation.baselines.popularity import DAY_S

__all__ = ["Transitions"]


class Transitions(Baseline):
    """How often an item was liked next after the user's newest ones.

    Args:
        num_newest: So many of the user's newest liked items are asked, the k-th newest with
            weight 1 / k. One is the plain Markov chain.
        half_life_days: A step counts half as much after it.
    """

    name = "item to item"

    def __init__(self, num_newest: int = 20, half_life_days: float = 3650.0) -> None:
        super().__init__()
        self._num_newest = num_newest
        self._half_life_s = half_life_days * DAY_S
        self._newest: dict[str, int] = {}
        # From an item to the next: the decayed count and when it was counted.
        self._steps: defaultdict[int, dict[int, tuple[float, float]]] = defaultdict(dict)

    def _learn(self, liked: Sequence[Interaction]) -> None:
        for event in liked:
            row, now_s = self.index[event.item_id], unix_s(event.occurred_at)
            before = self._newest.get(event.user_id)
            if before is not None and before != row:
                count, then_s = self._steps[before].get(row, (0.0, now_s))
                self._steps[before][row] = (count * self._decay(now_s - then_s) + 1, now_s)
            self._newest[event.user_id] = row

    def _scores(self, question: Question) -> Scores:
        scores = np.zeros(len(self.item_ids))
        now_s = unix_s(question.query.at)
        newest = self.rows_of(question.history)[: -self._num_newest - 1 : -1]
        for rank, row in enumerate(newest, start=1):
            for following, (count, then_s) in self._steps.get(row, {}).items():
                scores[following] += count * self._decay(now_s - then_s) / rank
        return scores

    def _decay(self, passed_s: float) -> float:
        return float(0.5 ** (max(passed_s, 0.0) / self._half_life_s))
