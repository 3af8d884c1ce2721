"""IPS and SNIPS: how often lists of another policy would have been clicked.

Each place counts for itself: where a list has the item that the other policy would have shown, its
click is weighed by one over the probability that it stood there. IPS is the mean of the weighed
clicks, without bias; SNIPS divides by the mean weight at that place, which varies less.

Sources: Li et al., "Offline Evaluation of Ranking Policies with Click Models", KDD 2018
(item-position); Swaminathan and Joachims, "The Self-Normalized Estimator", NeurIPS 2015; cluster
bootstrap by users, Field and Welsh, JRSS B 2007.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream_app.evaluation.statistics import CONFIDENCE, NUM_RESAMPLES, SEED

__all__ = ["Figure", "Figures", "Found", "Lists", "evaluate"]

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Lists:
    """N lists that were shown, of up to K places each.

    Attributes:
        user_ids: Whose list it is.
        is_place: Whether the list has this place, `(N, K)`.
        clicks: 1 where the item at a place was clicked, else 0, `(N, K)`.
        weights: One over the propensity where the item at a place is the one that the other policy
            would have shown there, else 0, `(N, K)`.
    """

    user_ids: Sequence[str]
    is_place: Values
    clicks: Values
    weights: Values


@dataclass(frozen=True)
class Figure:
    """A value with its interval of 95 %, or None.

    There is no interval for fewer than two users, and no value without support.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Figures:
    """What is clicked as it was shown, and what of the other policy's would be, by both estimators.

    Of a place: a share of the lists that have it. Of a list: how many of its items.
    `effective` is the sample size (sum of weights, squared, over the sum of their squares): so many
    lists, all shown by the other policy, would tell as much. `num_matched` lists have its item.
    """

    shown: Figure
    ips: Figure
    snips: Figure
    effective: float
    num_matched: int


@dataclass(frozen=True)
class Found:
    """Figures of whole lists and by place, and by how much the other policy is above the shown.

    Of whole lists `effective` and `num_matched` are those of the place that has least.
    """

    of_lists: Figures
    of_places: tuple[Figures, ...]
    gain_ips: Figure
    gain_snips: Figure
    num_lists: int
    num_users: int
    max_weight: float
    num_clipped: int


def evaluate(lists: Lists, *, clip: float | None = None, seed: int = SEED) -> Found:
    """Estimate what the other policy would bring.

    Args:
        lists: At least one.
        clip: Greater weights are taken for this one: less variance, but too low an estimate.
        seed: Of the bootstrap.
    """
    weights = lists.weights if clip is None else np.minimum(lists.weights, clip)
    parts = [lists.is_place, lists.clicks, weights, weights * lists.clicks]
    sums = _by_user(np.hstack([np.ones((len(lists.clicks), 1)), *parts]), lists.user_ids)
    figures = _figures(_values(sums.sum(axis=0)[None])[0], _resampled(sums, seed))
    num_places = weights.shape[1]
    by_place = (figures[start * num_places :][:num_places] for start in range(3))
    effective = [_effective(of_place) for of_place in weights.T]
    matched = [int(np.count_nonzero(of_place)) for of_place in weights.T]
    rows = zip(*by_place, effective, matched, strict=True)
    shown, ips, snips, gain_ips, gain_snips = figures[3 * num_places :]
    return Found(
        of_lists=Figures(shown, ips, snips, min(effective), min(matched)),
        of_places=tuple(Figures(*row) for row in rows),
        gain_ips=gain_ips,
        gain_snips=gain_snips,
        num_lists=len(lists.clicks),
        num_users=len(sums),
        max_weight=float(lists.weights.max()),
        num_clipped=int(np.count_nonzero(lists.weights > weights)),
    )


def _values(sums: Values) -> Values:
    """Return all that is told, in the order of `evaluate`, of sums `(draws, 1 + 4 K)`."""
    num_lists, parts = sums[:, :1], np.split(sums[:, 1:], 4, axis=1)
    num_places, clicks, weights, weighed = parts
    with np.errstate(invalid="ignore", divide="ignore"):
        of_places = [clicks / num_places, weighed / num_places, weighed / weights]
    # Of the lists that have a place -> of all; a place that none of the drawn has adds nothing.
    of_lists = [
        np.where(num_places > 0, one * num_places, 0).sum(axis=1, keepdims=True) / num_lists
        for one in of_places
    ]
    gains = [of_lists[1] - of_lists[0], of_lists[2] - of_lists[0]]
    return np.hstack([*of_places, *of_lists, *gains])


def _resampled(sums: Values, seed: int) -> Values | None:
    """Return the values of sums over users drawn again, None where there are too few users."""
    num_users = len(sums)
    if num_users < 2:
        return None
    rng = np.random.default_rng(seed)
    drawn = (rng.integers(num_users, size=num_users) for _ in range(NUM_RESAMPLES))
    times = (np.bincount(rows, minlength=num_users) for rows in drawn)
    return _values(np.array([row @ sums for row in times]))


def _figures(values: Values, resampled: Values | None) -> list[Figure]:
    if resampled is None:
        return [Figure(_number(value)) for value in values]
    outside = (1 - CONFIDENCE) / 2
    # A draw without support at a place makes an interval that nobody should trust: there is none.
    low, high = np.quantile(resampled, [outside, 1 - outside], axis=0)
    rows = zip(values, low, high, strict=True)
    return [Figure(*map(_number, row)) for row in rows]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _effective(weights: Values) -> float:
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def _by_user(rows: Values, user_ids: Sequence[str]) -> Values:
    names, users = np.unique(np.asarray(user_ids), return_inverse=True)
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, users, rows)
    return sums
