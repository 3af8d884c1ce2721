"""Which items are considered for a user, by which source, and what the sources say together.

Six sources: "recent" (near to what the user touched lately), "summary" (near to what the summary
says), "transitions" (what others went on to from there), "popular" (what many turn to now),
"newest" (the latest arrivals) and "explore" (drawn by chance, seeded by the event, so that the list
can learn what it doesn't know). More are proposed than a model can score: what the sources say
together decides which of them it gets to see.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from itertools import chain, zip_longest

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.catalogue import Catalogue
from models.fusion import Blend, Opinions, prior_of
from models.preference import leaning
from schemas.item_profile import ItemProfile
from schemas.user_preference import Evidence, UserPreference

__all__ = ["Candidate", "find_candidates", "given_candidates", "tie_break"]

# How many each source may propose.
DEPTH = 50
# Part of the places that the newest and the drawn ones have for themselves: nobody has an opinion
# of what nobody knows yet.
RESERVED = {"newest": 0.1, "explore": 0.1}

# Each recent item counts less than the one after it.
NEWNESS = 0.8
MAX_NEIGHBOURS = 50
CATEGORY = "category="
OPINION_DIGITS = 4
PRIOR_DIGITS = 6

SOURCES = ("recent", "summary", "transitions", "popular", "newest", "explore")


@dataclass(frozen=True)
class Candidate:
    """An item to score.

    `prior`, in `[0, 1]`, is the mean of what embeddings, signals and counted attributes say of it.
    `sources` has an entry for each source that proposed it: the cosine for the two that compare
    vectors, the share of the highest for the two that count what others do, the prior for the two
    that have no opinion of their own. `follows` is the user's own item from which most went on to
    this one. `opinions` are what all that have one say of it, whoever proposed it.
    """

    profile: ItemProfile
    sources: dict[str, float]
    prior: float
    follows: Evidence | None = None
    opinions: Mapping[str, float] = field(default_factory=dict)


@dataclass
class _Votes:
    """How much speaks for an item, and which of the user's own items says most of it."""

    total: float = 0.0
    most: float = 0.0
    by: Evidence | None = None

    def add(self, vote: float, by: Evidence) -> None:
        self.total += vote
        if vote > self.most:
            self.most, self.by = vote, by


NO_VOTES = _Votes()


def find_candidates(
    state: UserPreference,
    catalogue: Catalogue,
    summary_vector: NDArray[np.float32] | None,
    *,
    num_candidates: int,
    blend: Blend,
    seed: str,
    at: datetime,
    exclude: Collection[str] = (),
) -> list[Candidate]:
    """Return at most `num_candidates` items that the user may be shown `at` a time, none twice.

    They are those of the highest score without a model, by `blend`, of all that are proposed, and
    a few that are new or drawn whatever their score. What the user bought, rated, ruled out or has
    just seen is left out, and what the caller excludes.
    `seed` names the event: the same state, catalogue and seed give the same candidates.
    """
    exclude = {*exclude, *state.excluded, *(seen.item_id for seen in state.recent)}
    leads = _leads(state, catalogue, summary_vector, at)
    depth = max(DEPTH, num_candidates)
    proposals = {
        "recent": _nearest(catalogue, leads.recent, depth, exclude),
        "summary": _nearest(catalogue, leads.summary, depth, exclude),
        "transitions": _first_shown(catalogue, leads.followed, depth, exclude),
        "popular": _popular(state, catalogue, depth, exclude),
        "newest": catalogue.newest(num_candidates, at=at, exclude=exclude),
        "explore": catalogue.draw(num_candidates, seed, exclude=exclude),
    }
    proposed = _proposed(proposals)
    item_ids = list(proposed)
    opinions = _opinions(state, catalogue, item_ids, leads)
    scores = blend.scores(opinions, None, state.num_events)
    rows = _shortlist(proposals, item_ids, scores, num_candidates)
    return _candidates(catalogue, proposed, opinions, leads, rows)


def given_candidates(
    state: UserPreference,
    catalogue: Catalogue,
    summary_vector: NDArray[np.float32] | None,
    item_ids: Sequence[str],
    *,
    at: datetime,
) -> list[Candidate]:
    """Return exactly these items as candidates, in their order; no source has proposed them.

    Raises:
        KeyError: If an item is not in the catalogue.
    """
    if not item_ids:
        return []
    leads = _leads(state, catalogue, summary_vector, at)
    opinions = _opinions(state, catalogue, item_ids, leads)
    given: dict[str, set[str]] = {item_id: set() for item_id in item_ids}
    return _candidates(catalogue, given, opinions, leads, range(len(item_ids)))


@dataclass(frozen=True)
class _Leads:
    """What leads from a user to items: two vectors, and where others went from the same items."""

    recent: NDArray[np.float32] | None
    summary: NDArray[np.float32] | None
    followed: Mapping[str, _Votes]


def _leads(
    state: UserPreference,
    catalogue: Catalogue,
    summary_vector: NDArray[np.float32] | None,
    at: datetime,
) -> _Leads:
    return _Leads(
        recent=_recent_vector(state, catalogue),
        summary=summary_vector,
        followed=_followed(state, catalogue, at),
    )


def _opinions(
    state: UserPreference, catalogue: Catalogue, item_ids: Sequence[str], leads: _Leads
) -> Opinions:
    """Return what vectors, crowd and counted likes say of each item; who is silent is left out."""
    if not item_ids:
        return {}
    vectors, signals = catalogue.vectors(item_ids), catalogue.signals
    said: dict[str, ArrayLike | None] = {
        "recent": _cosines(vectors, leads.recent),
        "summary": _cosines(vectors, leads.summary),
        "transitions": _shares_of_most(leads.followed, item_ids),
        "popular": None if signals.is_empty else signals.prominences(item_ids),
        "taste": _taste_scores(state, catalogue, item_ids),
    }
    return {
        name: np.array(of_items, np.float64).round(OPINION_DIGITS)
        for name, of_items in said.items()
        if of_items is not None
    }


def tie_break(seed: str, item_id: str) -> bytes:
    """Return a sort key that is the same in every run and favours no item over all events."""
    return blake2b(f"{seed}\0{item_id}".encode(), digest_size=8).digest()


def _recent_vector(state: UserPreference, catalogue: Catalogue) -> NDArray[np.float32] | None:
    """Sum of what was touched lately, for or against, newer ones counting more."""
    known = [seen for seen in state.recent if catalogue.get(seen.item_id) is not None]
    if not known:
        return None
    newness = NEWNESS ** np.arange(len(known))[::-1]
    weights = newness * [leaning(seen) for seen in known]
    total = weights.astype(np.float32) @ catalogue.vectors([seen.item_id for seen in known])
    length = float(np.linalg.norm(total))
    return total / length if length > 0 else None


def _nearest(
    catalogue: Catalogue, vector: NDArray[np.float32] | None, k: int, exclude: set[str]
) -> list[str]:
    return [] if vector is None else catalogue.nearest(vector, k, exclude=exclude)


def _followed(state: UserPreference, catalogue: Catalogue, at: datetime) -> dict[str, _Votes]:
    """Return what others went on to from the user's newest items, most voted for first.

    Each item that the user was for shares one vote out, newer ones a heavier one; where few went
    on, part of it is kept back.
    """
    votes: defaultdict[str, _Votes] = defaultdict(_Votes)
    for age, seen in enumerate(reversed(state.recent)):
        vote = NEWNESS**age * max(leaning(seen), 0.0)
        neighbours = catalogue.signals.neighbours(seen.item_id, MAX_NEIGHBOURS, at) if vote else []
        total = 1.0 + sum(weight for _, weight in neighbours)
        for item_id, weight in neighbours:
            votes[item_id].add(vote * weight / total, seen)
    return dict(sorted(votes.items(), key=lambda one: (-one[1].total, one[0])))


def _popular(state: UserPreference, catalogue: Catalogue, k: int, exclude: set[str]) -> list[str]:
    """Return what is popular in the category that the user counts highest, and overall, in turn."""
    of_categories = (name for name in state.likes if name.startswith(CATEGORY))
    favourite = next(of_categories, "").removeprefix(CATEGORY)
    leaders = (catalogue.signals.leaders(category) for category in (favourite, None))
    in_turn = chain.from_iterable(zip_longest(*leaders, fillvalue=""))
    return _first_shown(catalogue, in_turn, k, exclude)


def _first_shown(
    catalogue: Catalogue, item_ids: Iterable[str], k: int, exclude: set[str]
) -> list[str]:
    """Return the first `k` that are there to be shown, each once."""
    shown: dict[str, None] = {}
    for profile in map(catalogue.get, item_ids):
        if len(shown) == k:
            break
        if profile and profile.available and profile.item_id not in exclude:
            shown[profile.item_id] = None
    return list(shown)


def _proposed(proposals: Mapping[str, list[str]]) -> dict[str, set[str]]:
    """Return by item which sources propose it."""
    by_item: dict[str, set[str]] = {}
    for name, item_ids in proposals.items():
        for item_id in item_ids:
            by_item.setdefault(item_id, set()).add(name)
    return by_item


def _shortlist(
    proposals: Mapping[str, list[str]],
    item_ids: list[str],
    scores: NDArray[np.float64],
    num_candidates: int,
) -> list[int]:
    """Return the rows of those with a reserved place, then of the highest scores."""
    row_of = {item_id: row for row, item_id in enumerate(item_ids)}
    reserved = [
        row_of[item_id]
        for name, share in RESERVED.items()
        for item_id in proposals[name][: max(1, round(share * num_candidates))]
    ]
    # Equal scores: the source that is named first goes first.
    best_first = np.argsort(-scores, kind="stable").tolist()
    return list(dict.fromkeys([*reserved, *best_first]))[:num_candidates]


def _cosines(
    vectors: NDArray[np.float32], towards: NDArray[np.float32] | None
) -> NDArray[np.float32] | None:
    return None if towards is None else np.clip(vectors @ towards, 0.0, 1.0)


def _shares_of_most(followed: Mapping[str, _Votes], item_ids: Sequence[str]) -> list[float] | None:
    most = max((votes.total for votes in followed.values()), default=0.0)
    if most == 0:
        return None
    return [followed.get(item_id, NO_VOTES).total / most for item_id in item_ids]


def _candidates(
    catalogue: Catalogue,
    proposed: Mapping[str, set[str]],
    opinions: Opinions,
    leads: _Leads,
    rows: Sequence[int],
) -> list[Candidate]:
    item_ids = list(proposed)
    priors = prior_of(opinions)
    candidates = []
    for row in rows:
        profile = catalogue.get(item_ids[row])
        if profile is None:
            raise KeyError(item_ids[row])
        said = {name: float(of_items[row]) for name, of_items in opinions.items()}
        prior = round(float(priors[row]), PRIOR_DIGITS)
        by = proposed[profile.item_id]
        sources = {name: said.get(name, prior) for name in SOURCES if name in by}
        follows = leads.followed.get(profile.item_id, NO_VOTES).by
        candidates.append(Candidate(profile, sources, prior, follows, said))
    return candidates


def _taste_scores(
    state: UserPreference, catalogue: Catalogue, item_ids: Sequence[str]
) -> list[float]:
    """Return the shares of the counted likes, less the dislikes, that items have, in `[0, 1]`."""
    net = dict(state.likes)
    for name, weight in state.dislikes.items():
        net[name] = net.get(name, 0.0) - weight
    total = sum(state.likes.values()) + sum(state.dislikes.values())
    if total == 0:
        return [0.0] * len(item_ids)
    return [
        max(0.0, sum(net[name] for name in catalogue.features(item_id) if name in net) / total)
        for item_id in item_ids
    ]
