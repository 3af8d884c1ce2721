"""Counts of lists -> rates, with intervals where lists are counted."""

from dataclasses import dataclass
from datetime import date

from schemas.list_quality import ListQuality

try:
    from scipy.stats import binomtest
except ImportError:
    # An extra. The images are without it, and rates are worth something without intervals.
    binomtest = None

__all__ = ["CUTOFFS", "Figures", "Rate", "figures"]

CUTOFFS = (1, 3, 5, 10)
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Rate:
    """A share of lists in `[0, 1]`, None where there is no list, and its interval.

    Without scipy there are no intervals.
    """

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Figures:
    """What came of the shown lists of a part, `newest_day` the last on which there was one.

    `hit_rate` by cutoff is the share of lists of which an item at that rank or a better one was
    taken, `mrr` the mean of one over the rank of the best item taken (0 where none was).
    `click_through` is the share of the shown items that were taken, in all and by place; None
    where nothing stood.
    """

    part: str
    newest_day: date
    lists: int
    hit_rate: dict[int, Rate]
    mrr: float | None
    click_through: float | None
    click_through_by_place: tuple[float | None, ...]


def figures(counts: ListQuality) -> Figures:
    """Return the rates that the counts of a part make."""
    places = len(counts.shown)
    taken = counts.taken + (0,) * (places - len(counts.taken))
    reciprocal = sum(num / rank for rank, num in enumerate(counts.best, start=1))
    return Figures(
        part=counts.part,
        newest_day=counts.day,
        lists=counts.lists,
        hit_rate={k: _rate(sum(counts.best[:k]), counts.lists) for k in CUTOFFS},
        mrr=_share(reciprocal, counts.lists),
        click_through=_share(sum(taken), sum(counts.shown)),
        click_through_by_place=tuple(map(_share, taken, counts.shown)),
    )


def _share(part: float, whole: int) -> float | None:
    return part / whole if whole else None


def _rate(num: int, lists: int) -> Rate:
    """Return a share of lists with its interval.

    Source: Wilson, JASA 22 (1927), by scipy.
    """
    if not lists or binomtest is None:
        return Rate(_share(num, lists), None, None)
    interval = binomtest(num, lists).proportion_ci(CONFIDENCE, method="wilson")
    return Rate(num / lists, float(interval.low), float(interval.high))
