"""What lists are like apart from being right: how wide, how popular, how new, how mixed.

Popularity is counted over the whole log: it describes lists, and no system is told.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from schemas.interaction import Interaction
from schemas.item import Item
from stream_app.evaluation.accuracy import CUTOFF
from stream_app.replay.queries import RankedList

__all__ = ["beyond_accuracy", "coverage", "diversity", "novelty", "popularity_bias"]

CHUNK = 1024

Lists = Sequence[Sequence[str]]


def beyond_accuracy(
    answers: Sequence[RankedList],
    log: Sequence[Interaction],
    items: Mapping[str, Item],
    *,
    cutoff: int = CUTOFF,
) -> dict[str, float | None]:
    """Return coverage, popularity bias, novelty and diversity of the first `cutoff` places."""
    lists = [answer.item_ids[:cutoff] for answer in answers if answer.item_ids]
    counts = Counter(event.item_id for event in log)
    return {
        f"coverage@{cutoff}": coverage(lists, items.keys() | counts.keys()),
        f"popularity@{cutoff}": popularity_bias(lists, counts),
        f"novelty@{cutoff}": novelty(lists, counts),
        f"diversity@{cutoff}": diversity(lists, items),
    }


def coverage(lists: Lists, catalogue: AbstractSet[str]) -> float:
    """Return the share of the catalogue that is listed at least once, in `[0, 1]`."""
    return len({one for listed in lists for one in listed} & catalogue) / max(len(catalogue), 1)


def popularity_bias(lists: Lists, counts: Mapping[str, int]) -> float | None:
    """Return the mean number of interactions of a listed item, lists weighing the same.

    Source: average recommendation popularity, Yin et al., VLDB 2012.
    """
    return _mean([float(np.mean([counts.get(one, 0) for one in listed])) for listed in lists])


def novelty(lists: Lists, counts: Mapping[str, int]) -> float | None:
    """Return the mean self-information of a listed item in bits: -log2 of its share of the log.

    An item without interactions counts as if it had one.

    Source: Zhou et al., PNAS 2010.
    """
    total = max(sum(counts.values()), 1)
    return _mean(
        [
            float(np.mean(np.log2([total / max(counts.get(one, 0), 1) for one in listed])))
            for listed in lists
        ]
    )


def diversity(lists: Lists, items: Mapping[str, Item]) -> float | None:
    """Return the mean distance of two items of a list, in `[0, 1]`: 1 - Jaccard of categories.

    Items without a category are left out, and lists with fewer than two others.

    Source: intra-list distance, Smyth & McClave, ICCBR 2001.
    """
    listed_ids = sorted({one for listed in lists for one in listed})
    has_category, row_of = _category_table(listed_ids, items)
    longest = max(map(len, lists), default=0)
    # The row behind the last stands for no item.
    rows = np.full((len(lists), longest), len(listed_ids))
    for place, listed in enumerate(lists):
        rows[place, : len(listed)] = [row_of[one] for one in listed]
    parts = [_distances(has_category[rows[at : at + CHUNK]]) for at in range(0, len(rows), CHUNK)]
    found = np.concatenate(parts) if parts else np.zeros(0)
    return _mean(found[~np.isnan(found)].tolist())


def _category_table(
    item_ids: Sequence[str], items: Mapping[str, Item]
) -> tuple[NDArray[np.float32], dict[str, int]]:
    """Return which item has which category, shape `(num_items + 1, num_categories)`, and rows."""
    categories = [items[one].categories if one in items else () for one in item_ids]
    column_of = {name: at for at, name in enumerate(sorted({c for cs in categories for c in cs}))}
    table = np.zeros((len(item_ids) + 1, max(len(column_of), 1)), dtype=np.float32)
    for row, names in enumerate(categories):
        table[row, [column_of[name] for name in names]] = 1
    return table, {item_id: row for row, item_id in enumerate(item_ids)}


def _distances(has_category: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return each list's mean distance, NaN without a pair.

    Args:
        has_category: 0 or 1, shape `(num_lists, length, num_categories)`.
    """
    shared = has_category @ has_category.transpose(0, 2, 1)
    num = has_category.sum(axis=2)
    either = num[:, :, None] + num[:, None, :] - shared
    is_pair = np.triu((num > 0)[:, :, None] & (num > 0)[:, None, :], k=1)
    distance = np.where(is_pair, 1 - shared / np.maximum(either, 1), 0)
    num_pairs = is_pair.sum(axis=(1, 2))
    total = distance.sum(axis=(1, 2), dtype=np.float64)
    return np.where(num_pairs > 0, total / np.maximum(num_pairs, 1), np.nan)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
