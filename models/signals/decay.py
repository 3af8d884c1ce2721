"""Exponential decay in event time.

It is the one decay under which sums need no history (two decayed sums add up to one) and under
which an order that no event changes stays the same for ever.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import exp2, inf, log2

__all__ = ["HALF_LIFE", "Decay"]

HALF_LIFE = timedelta(days=7)
# A time that lies so many half-lives before the events is a mistake, and must not overflow.
MAX_DOUBLINGS = 60.0


class Decay:
    """Weights that halve in `half_life`.

    Raises:
        ValueError: If the half-life is not above zero.
    """

    def __init__(self, half_life: timedelta = HALF_LIFE) -> None:
        if half_life <= timedelta(0):
            raise ValueError(f"a half-life of {half_life} is not above zero")
        self._half_life_s = half_life.total_seconds()

    def left(self, since: datetime, at: datetime) -> float:
        """Return which share is left `at` a time, in `[0, 1]`; all of it where that is earlier."""
        elapsed_s = (at - since).total_seconds()
        return 1.0 if elapsed_s <= 0 else float(0.5 ** (elapsed_s / self._half_life_s))

    def standing(self, weights: Iterable[tuple[float, datetime]]) -> float:
        """Return what orders sums of decayed weights, each as of its time, whenever that is asked.

        It is the base-2 logarithm of their sum as of 1970, in floats that can't overflow; minus
        infinity for a sum of nothing. Source: Cormode et al., "Forward decay", ICDE 2009.
        """
        logs = [log2(weight) + self._half_lives(at) for weight, at in weights if weight > 0]
        if not logs:
            return -inf
        highest = max(logs)
        return highest + log2(sum(exp2(one - highest) for one in logs))

    def weight(self, standing: float, at: datetime) -> float:
        """Return the sum that a standing means `at` a time."""
        return float(2 ** min(standing - self._half_lives(at), MAX_DOUBLINGS))

    def _half_lives(self, at: datetime) -> float:
        return at.timestamp() / self._half_life_s
