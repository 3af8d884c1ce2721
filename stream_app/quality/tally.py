"""What came of lists -> counts by day and part, in whole numbers that add up.

Pure. Every rate is a quotient of sums of these, so partitions and days can be added in any order.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, timedelta
from itertools import zip_longest

from schemas.list_quality import ListQuality
from schemas.user_lists import RememberedList
from schemas.versions import Versions

__all__ = ["ALL", "KEPT_DAYS", "Tally", "added_up", "key_of"]

ALL = "all"
KEPT_DAYS = 90

CountsOf = Callable[[str], ListQuality | None]


def _unknown(_: str) -> None:
    return None


def key_of(day: date, part: str) -> str:
    """Return a record's key; in their order the oldest day comes first."""
    return f"{day} {part}"


class Tally:
    """Counts lists into records; what it has not changed itself it looks up.

    `counts` (None: forgotten) are what has changed, by key.
    """

    def __init__(self, counts_of: CountsOf = _unknown) -> None:
        self.counts: dict[str, ListQuality | None] = {}
        self._counts_of = counts_of
        self._newest_day = date.min

    def show(self, one: RememberedList) -> None:
        """Count a list that its user was there to see."""
        for part, ranks in _parts(one).items():
            counts = self._counts(one, part)
            self._put(counts, lists=counts.lists + 1, shown=_with(counts.shown, ranks, 1))

    def take(self, one: RememberedList, rank: int) -> None:
        """Count an item of a shown list that was not among those that were `taken` of it."""
        for part, ranks in _parts(one).items():
            if rank not in ranks:
                continue
            counts = self._counts(one, part)
            best_before = min((taken for taken in one.taken if taken in ranks), default=None)
            best = counts.best
            if best_before is None or rank < best_before:
                best = _with(best, [rank], 1)
                best = best if best_before is None else _with(best, [best_before], -1)
            self._put(counts, taken=_with(counts.taken, [rank], 1), best=best)

    def forget_old(self, counts: Iterable[ListQuality]) -> None:
        """Forget those that are too old by the time of the newest list counted here."""
        for one in counts:
            # As a difference of days: the day so long before the first one there is, is no date.
            if self._newest_day - one.day > timedelta(days=KEPT_DAYS):
                self.counts[key_of(one.day, one.part)] = None

    def _counts(self, one: RememberedList, part: str) -> ListQuality:
        day = one.published_at.astimezone(UTC).date()
        self._newest_day = max(self._newest_day, day)
        key = key_of(day, part)
        known = self.counts[key] if key in self.counts else self._counts_of(key)
        return known or ListQuality(day=day, part=part)

    def _put(self, counts: ListQuality, **changed: object) -> None:
        self.counts[key_of(counts.day, counts.part)] = counts.model_copy(update=changed)


def added_up(counts: Iterable[ListQuality]) -> dict[str, ListQuality]:
    """Return the sum of each part, under the newest of its days."""
    sums: dict[str, ListQuality] = {}
    for one in counts:
        known = sums.get(one.part)
        if known is None:
            sums[one.part] = one
            continue
        sums[one.part] = ListQuality(
            day=max(known.day, one.day),
            part=one.part,
            lists=known.lists + one.lists,
            shown=_sum(known.shown, one.shown),
            taken=_sum(known.taken, one.taken),
            best=_sum(known.best, one.best),
        )
    return sums


def _parts(one: RememberedList) -> dict[str, Sequence[int]]:
    """Return the parts that a list counts in, each with the ranks of the items that count there."""
    all_ranks = range(1, len(one.items) + 1)
    parts: dict[str, Sequence[int]] = dict.fromkeys((ALL, *_shares(one.versions)), all_ranks)
    for source in dict.fromkeys(source for item in one.items for source in item.sources):
        ranks = [rank for rank in all_ranks if source in one.items[rank - 1].sources]
        parts[f"source={source}"] = ranks
    return parts


def _shares(versions: Versions) -> list[str]:
    """Return what was released to a share of the users, and made the list."""
    return [
        "base weights" if versions.adapter is None else f"adapter={versions.adapter}",
        "even blend" if versions.fusion is None else f"fusion={versions.fusion}",
    ]


def _with(counts: tuple[int, ...], ranks: Iterable[int], added: int) -> tuple[int, ...]:
    changed = list(counts)
    for rank in ranks:
        changed.extend([0] * (rank - len(changed)))
        changed[rank - 1] += added
    return tuple(changed)


def _sum(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(sum, zip_longest(one, other, fillvalue=0)))
