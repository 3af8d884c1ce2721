"""How well pairs are told apart: pooled, per user, and by popularity alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from stream_app.finetune.examples import Example

__all__ = ["Quality", "popularity_scores", "quality"]


@dataclass(frozen=True)
class Quality:
    """Areas under the ROC curve, in `[0, 1]`; a half is chance.

    `auc` is of all pairs together. `gauc` is each user's own, weighted by the user's positives:
    a list is made for one user, so how users compare doesn't count.
    """

    auc: float
    gauc: float


def quality(examples: Sequence[Example], scores: Sequence[Sequence[float]]) -> Quality:
    """Compare scores, one for each candidate of each example, with what the users did.

    Equal scores count as half right.

    Source: GAUC of Zhu et al., arXiv 1706.06978 section 5; AUC by scikit-learn.
    """
    by_user: dict[str, list[int]] = defaultdict(list)
    for row, example in enumerate(examples):
        by_user[example.user_id].append(row)
    areas = [_area(examples, scores, rows) for rows in by_user.values()]
    positives = [sum(len(examples[row].positives) for row in rows) for rows in by_user.values()]
    return Quality(
        auc=_area(examples, scores, range(len(examples))),
        gauc=float(np.average(areas, weights=positives)),
    )


def popularity_scores(
    examples: Sequence[Example], popularity: Mapping[str, float]
) -> list[list[float]]:
    """Return MostPop's scores: how often each candidate was liked in what is learned from."""
    return [[popularity.get(one, 0.0) for one in example.candidates] for example in examples]


def _area(
    examples: Sequence[Example], scores: Sequence[Sequence[float]], rows: Iterable[int]
) -> float:
    asked = list(rows)
    targets = [target for row in asked for target in examples[row].targets]
    return float(roc_auc_score(targets, [score for row in asked for score in scores[row]]))
