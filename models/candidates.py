"""Which items are considered for a user, by which source, and what the sources say together.

Four sources: "recent" (near to what the user touched lately), "summary" (near to what the summary
says), "newest" (the latest arrivals) and "explore" (drawn by chance, seeded by the event, so that
the list can learn what it doesn't know).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from models.catalogue import Catalogue
from models.preference import leaning
from schemas.item_profile import ItemProfile
from schemas.user_preference import UserPreference

__all__ = ["Candidate", "find_candidates", "given_candidates", "tie_break"]

# Of twenty candidates: eight near to recent items, six near to the summary, three new, three drawn.
SHARES = {"recent": 0.4, "summary": 0.3, "newest": 0.15, "explore": 0.15}


@dataclass(frozen=True)
class Candidate:
    """An item to score.

    `prior`, in `[0, 1]`, is the mean of what embeddings and counted attributes say of it.
    `sources` has an entry for each source that proposed it: the cosine for the two that compare
    vectors, the prior for the two that have no opinion of their own.
    """

    profile: ItemProfile
    sources: dict[str, float]
    prior: float


def find_candidates(
    state: UserPreference,
    catalogue: Catalogue,
    summary_vector: NDArray[np.float32] | None,
    *,
    num_candidates: int,
    seed: str,
    at: datetime,
    exclude: Collection[str] = (),
) -> list[Candidate]:
    """Return at most `num_candidates` items that the user may be shown `at` a time, none twice.

    What the user bought, ruled out or has just seen is left out, and what the caller excludes.
    `seed` names the event: the same state, catalogue and seed give the same candidates.
    """
    exclude = {*exclude, *state.excluded, *(seen.item_id for seen in state.recent)}
    recent_vector = _recent_vector(state, catalogue)
    proposals = {
        "recent": _nearest(catalogue, recent_vector, num_candidates, exclude),
        "summary": _nearest(catalogue, summary_vector, num_candidates, exclude),
        "newest": catalogue.newest(num_candidates, at=at, exclude=exclude),
        "explore": catalogue.draw(num_candidates, seed, exclude=exclude),
    }
    chosen = _share_out(proposals, num_candidates)
    return _weighed(state, catalogue, chosen, recent_vector, summary_vector)


def given_candidates(
    state: UserPreference,
    catalogue: Catalogue,
    summary_vector: NDArray[np.float32] | None,
    item_ids: Sequence[str],
) -> list[Candidate]:
    """Return exactly these items as candidates, in their order; no source has proposed them.

    Raises:
        KeyError: If an item is not in the catalogue.
    """
    given: dict[str, set[str]] = {item_id: set() for item_id in item_ids}
    return _weighed(state, catalogue, given, _recent_vector(state, catalogue), summary_vector)


def _weighed(
    state: UserPreference,
    catalogue: Catalogue,
    chosen: Mapping[str, set[str]],
    recent_vector: NDArray[np.float32] | None,
    summary_vector: NDArray[np.float32] | None,
) -> list[Candidate]:
    """Return the chosen items, each with what the embeddings and the counted likes say of it."""
    if not chosen:
        return []
    item_ids = list(chosen)
    vectors = catalogue.vectors(item_ids)
    near = {
        "recent": _cosines(vectors, recent_vector),
        "summary": _cosines(vectors, summary_vector),
    }
    taste = [_taste_score(state, catalogue.features(item_id)) for item_id in item_ids]
    return [
        _candidate(profile, chosen[profile.item_id], near, taste[row], row)
        for row, profile in enumerate(map(catalogue.get, item_ids))
        if profile is not None
    ]


def tie_break(seed: str, item_id: str) -> bytes:
    """Return a sort key that is the same in every run and favours no item over all events."""
    return blake2b(f"{seed}\0{item_id}".encode(), digest_size=8).digest()


def _recent_vector(state: UserPreference, catalogue: Catalogue) -> NDArray[np.float32] | None:
    """Sum of what was touched lately, for or against, newer ones counting more."""
    known = [seen for seen in state.recent if catalogue.get(seen.item_id) is not None]
    if not known:
        return None
    newness = 0.8 ** np.arange(len(known))[::-1]
    weights = newness * [leaning(seen) for seen in known]
    total = weights.astype(np.float32) @ catalogue.vectors([seen.item_id for seen in known])
    length = float(np.linalg.norm(total))
    return total / length if length > 0 else None


def _nearest(
    catalogue: Catalogue, vector: NDArray[np.float32] | None, k: int, exclude: set[str]
) -> list[str]:
    return [] if vector is None else catalogue.nearest(vector, k, exclude=exclude)


def _share_out(proposals: dict[str, list[str]], num_candidates: int) -> dict[str, set[str]]:
    """Give each source its share of places; what a source can't fill goes to the others in turn."""
    chosen: dict[str, set[str]] = {}
    quota = {name: max(1, round(share * num_candidates)) for name, share in SHARES.items()}
    firsts = [(name, item_id) for name, ids in proposals.items() for item_id in ids[: quota[name]]]
    rest = [(name, item_id) for name, ids in proposals.items() for item_id in ids[quota[name] :]]
    for name, item_id in firsts + rest:
        if item_id in chosen or len(chosen) < num_candidates:
            chosen.setdefault(item_id, set()).add(name)
    return chosen


def _cosines(
    vectors: NDArray[np.float32], towards: NDArray[np.float32] | None
) -> Sequence[float] | None:
    return None if towards is None else np.clip(vectors @ towards, 0.0, 1.0).tolist()


def _candidate(
    profile: ItemProfile,
    proposed_by: set[str],
    near: dict[str, Sequence[float] | None],
    taste: float,
    row: int,
) -> Candidate:
    said = {name: cosines[row] for name, cosines in near.items() if cosines is not None}
    prior = (sum(said.values()) + taste) / (len(said) + 1)
    sources = {name: round(said.get(name, prior), 6) for name in SHARES if name in proposed_by}
    return Candidate(profile, sources, round(prior, 6))


def _taste_score(state: UserPreference, of_item: tuple[str, ...]) -> float:
    """Return the share of the counted likes, less the dislikes, that the item has, in `[0, 1]`."""
    liked = sum(state.likes.get(name, 0.0) for name in of_item)
    disliked = sum(state.dislikes.get(name, 0.0) for name in of_item)
    total = sum(state.likes.values()) + sum(state.dislikes.values())
    return max(0.0, (liked - disliked) / total) if total > 0 else 0.0
