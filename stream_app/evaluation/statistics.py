"""How sure a mean and a difference are, when one user's queries are alike.

Users are drawn, never queries: ten queries of one user tell less than one of ten users.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CONFIDENCE",
    "NUM_RESAMPLES",
    "SEED",
    "Comparison",
    "Estimate",
    "adjusted",
    "compare",
    "estimate",
]

NUM_RESAMPLES = 2000
CONFIDENCE = 0.95
SEED = 20

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean with its bootstrap interval of 95 %; no interval for fewer than two users."""

    mean: float
    low: float | None
    high: float | None
    num_queries: int
    num_users: int


@dataclass(frozen=True)
class Comparison:
    """By how much the first is above the second, and how easily chance does that.

    `p_value` is two-sided: users' values swapped between both at random.
    """

    difference: Estimate
    p_value: float


def estimate(values: Values, user_ids: Sequence[str], *, seed: int = SEED) -> Estimate:
    """Return the mean over queries, with a percentile interval over users drawn again.

    Args:
        values: One number per query, shape `(num_queries,)`; at least one.
        user_ids: Whose query it is.
        seed: Of the draws.

    Source: cluster bootstrap, Field & Welsh, JRSS B 2007; by scipy.
    """
    from scipy.stats import bootstrap

    sums, counts = _by_user(values, user_ids)
    mean = float(values.mean())
    if len(sums) < 2:
        return Estimate(mean, None, None, len(values), len(sums))
    interval = bootstrap(
        (sums, counts),
        lambda total, num, axis: total.sum(axis=axis) / num.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=NUM_RESAMPLES,
        batch=200,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(mean, float(interval.low), float(interval.high), len(values), len(sums))


def compare(
    first: Values, second: Values, user_ids: Sequence[str], *, seed: int = SEED
) -> Comparison:
    """Compare two systems on the same queries, both of shape `(num_queries,)`.

    One user alone proves nothing: p is 1.

    Source: paired randomisation test, Smucker et al., CIKM 2007, by users; by scipy.
    """
    from scipy.stats import permutation_test

    difference = estimate(first - second, user_ids, seed=seed)
    if difference.num_users < 2:
        return Comparison(difference, 1.0)
    test = permutation_test(
        (_by_user(first, user_ids)[0], _by_user(second, user_ids)[0]),
        lambda one, other, axis: (one - other).sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=NUM_RESAMPLES,
        batch=200,
        rng=np.random.default_rng(seed),
    )
    return Comparison(difference, float(test.pvalue))


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Return p-values for many comparisons at once, by the rate of false discoveries.

    Source: Benjamini & Hochberg, JRSS B 1995; by scipy.
    """
    from scipy.stats import false_discovery_control

    return [float(one) for one in false_discovery_control(p_values)] if p_values else []


def _by_user(values: Values, user_ids: Sequence[str]) -> tuple[Values, Values]:
    """Return sums and counts by user."""
    _, rows = np.unique(np.asarray(user_ids), return_inverse=True)
    sums = np.bincount(rows, weights=values).astype(np.float64)
    return sums, np.bincount(rows).astype(np.float64)
