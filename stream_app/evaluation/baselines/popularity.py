"""The same list for everybody: what was liked most, ever or lately."""

from collections.abc import Sequence

import numpy as np

from schemas.interaction import Interaction
from stream_app.evaluation.baselines.baseline import Baseline, Question, Scores, unix_s

__all__ = ["MostPop", "RecentPop"]

DAY_S = 86_400.0


class MostPop(Baseline):
    """What was liked most often in all that was learned."""

    name = "MostPop"

    def _learn(self, liked: Sequence[Interaction]) -> None:
        pass

    def _scores(self, question: Question) -> Scores:
        return self.num_liked.copy()


class RecentPop(Baseline):
    """What was liked most often lately: each event counts half as much after `half_life_days`."""

    name = "recent popularity"

    def __init__(self, half_life_days: float = 180.0) -> None:
        super().__init__()
        self._half_life_s = half_life_days * DAY_S
        self._value = np.zeros(0)
        self._counted_at = np.zeros(0)

    def _learn(self, liked: Sequence[Interaction]) -> None:
        missing = len(self.item_ids) - len(self._value)
        self._value = np.concatenate([self._value, np.zeros(missing)])
        self._counted_at = np.concatenate([self._counted_at, np.zeros(missing)])
        for event in liked:
            row, now_s = self.index[event.item_id], unix_s(event.occurred_at)
            passed_s = max(now_s - self._counted_at[row], 0)
            self._value[row] = self._value[row] * 0.5 ** (passed_s / self._half_life_s) + 1
            self._counted_at[row] = now_s

    def _scores(self, question: Question) -> Scores:
        passed_s = np.maximum(unix_s(question.query.at) - self._counted_at, 0)
        return np.asarray(self._value * 0.5 ** (passed_s / self._half_life_s))
