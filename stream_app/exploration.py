"""A little chance in what is shown, with probabilities that are known exactly.

In a share of the answers one place of the list, each as likely, goes to one of the candidates, each
as likely: the two swap places, and what stood there leaves the list if the candidate was not on it.
So every candidate may come to every place, a user meets one strange item at most, and how likely an
item is at a place has a closed form, however long the list (docs/adr/0016-exploration.md).
"""

from collections.abc import Sequence
from hashlib import blake2b

__all__ = ["draws", "propensities", "with_drawn_place"]

WORD_BYTES = 8


def draws(share: float, seed: str) -> bool:
    """Return whether the answer of this seed is one of the share that has a drawn place."""
    return _dice(seed)[0] < share * (1 << 8 * WORD_BYTES)


def with_drawn_place(best: Sequence[str], candidates: Sequence[str], seed: str) -> list[str]:
    """Return the list with one place swapped with a candidate; the same for the same seed.

    Args:
        best: Item ids of the list as it would be, best first.
        candidates: All that could be shown, those of the list among them.
        seed: Names the answer.
    """
    shown = list(best)
    if not shown:
        return shown
    _, place_die, candidate_die = _dice(seed)
    # A remainder of 64 bits favours none by more than 1e-17.
    place, drawn = place_die % len(best), candidates[candidate_die % len(candidates)]
    if drawn in shown:
        shown[shown.index(drawn)] = shown[place]
    shown[place] = drawn
    return shown


def propensities(
    shown: Sequence[str], best: Sequence[str], num_candidates: int, share: float
) -> list[float]:
    """Return how likely each shown item was to stand where it does, whatever the others are.

    Over the share and over both draws, given `best` and the candidates; in `(0, 1]`.

    With K places and n candidates each swap has the probability share / (K n). An item from outside
    the list comes to a place by one swap, an item of another place by two: either place is drawn.
    A place loses its item by n - 1 swaps that are drawn for it and K - 1 that are drawn for others.
    """
    of_swap = share / (len(best) * num_candidates) if best else 0.0
    kept = 1 - of_swap * (num_candidates + len(best) - 2)
    listed = set(best)
    return [
        kept if item_id == before else (2 if item_id in listed else 1) * of_swap
        for item_id, before in zip(shown, best, strict=True)
    ]


def _dice(seed: str) -> tuple[int, int, int]:
    """Return three independent numbers of 64 bits; no other draw of this seed has the same."""
    digest = blake2b(seed.encode(), digest_size=3 * WORD_BYTES, person=b"exploration").digest()
    words = (digest[start : start + WORD_BYTES] for start in range(0, len(digest), WORD_BYTES))
    first, second, third = (int.from_bytes(word, "big") for word in words)
    return first, second, third
