"""Does it tell what a shopper takes next from what they pass by, and does its summary fit them?

Prequential: each pair is scored with the state before the event, then the event is applied; the
summaries are those that the engine itself wrote. Positives are what a shopper picked and reacted
to, negatives are drawn uniformly, one to one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import bootstrap
from sklearn.metrics import roc_auc_score

from models.engine import Engine, ItemContent, ItemReading
from models.mllm.answers import own_words_of_taste
from models.preference import BLOCK_SIZE, STRENGTH, score_request, summary_request
from schemas.interaction import InteractionKind
from schemas.item_profile import ItemProfile
from stream_app.default_model.shoppers import History, profile_of
from stream_app.demo.garments import Garment, draw
from stream_app.demo.shoppers import Shopper, simulate_log
from stream_app.demo.tastes import FAVOURITE
from stream_app.show import Progress

__all__ = [
    "Pair",
    "Run",
    "Shop",
    "agreement",
    "auc",
    "most_popular",
    "profiles_of",
    "read",
    "replay",
]

SHOPPER_SEED, NEGATIVE_SEED, CROWD_SEED = 4711, 5, 99
BATCH_SIZE = 16
CROWD, CROWD_EVENTS = 200, 6000

Profiles = dict[str, ItemProfile]


@dataclass(frozen=True)
class Shop:
    """What is sold, and how the engine reads it."""

    garments: Sequence[Garment]
    profiles: Profiles


@dataclass(frozen=True)
class Pair:
    """Scores of what was taken and of what was drawn instead."""

    user_id: str
    taken: Garment
    drawn: Garment
    score_taken: float
    score_drawn: float


@dataclass
class _Person:
    shopper: Shopper
    history: History
    rng: np.random.Generator


@dataclass
class Run:
    """All pairs, and the last summaries with the tastes they should tell."""

    pairs: list[Pair] = field(default_factory=list)
    people: list[_Person] = field(default_factory=list)


def profiles_of(
    engine: Engine, garments: Sequence[Garment], *, with_pictures: bool, progress: Progress
) -> Profiles:
    """Return profiles as the shop's catalogue would get them; no vectors are needed here."""
    profiles: Profiles = {}
    for start in range(0, len(garments), BATCH_SIZE):
        batch = garments[start : start + BATCH_SIZE]
        for profile in read(engine, batch, with_pictures=with_pictures):
            profiles[profile.item_id] = profile
        progress("profiles", start + len(batch), len(garments))
    return profiles


def read(
    engine: Engine, garments: Sequence[Garment], *, with_pictures: bool = True
) -> list[ItemProfile]:
    """Return the profiles of a batch as the engine reads them, in order."""
    contents = [
        ItemContent(
            one.title, one.description, (one.kind,), jpeg=draw(one) if with_pictures else None
        )
        for one in garments
    ]
    readings = engine.profile(contents)
    return [_profile(garment, one) for garment, one in zip(garments, readings, strict=True)]


def replay(
    engine: Engine,
    shop: Shop,
    *,
    num_shoppers: int,
    num_warm: int = 18,
    num_scored: int = 12,
    progress: Progress,
    people: str = "unseen",
) -> Run:
    """Let shoppers shop, `num_warm` events unscored and `num_scored` scored.

    `people` begins the ids of the shoppers: with another one they are others.
    """
    persons = [
        _Person(
            Shopper(f"{people}{number}", seed=SHOPPER_SEED),
            History(f"{people}{number}"),
            np.random.default_rng([NEGATIVE_SEED, number]),
        )
        for number in range(num_shoppers)
    ]
    run = Run(people=persons)
    num_rounds = num_warm + num_scored
    for number in range(num_rounds):
        picks = [one.shopper.next_interaction((), shop.garments) for one in persons]
        if number >= num_warm:
            run.pairs += _scored(engine, shop, persons, picks)
        for person, (garment, kind) in zip(persons, picks, strict=True):
            person.history.add(shop.profiles[garment.item_id], kind)
        _summarise(engine, persons)
        progress("shopping", number + 1, num_rounds)
    return run


def auc(pairs: Iterable[Pair]) -> tuple[float, float, float]:
    """Return the area under the curve over all pairs, and its 95 % interval over shoppers."""
    of_users: dict[str, list[tuple[float, float]]] = {}
    for pair in pairs:
        of_users.setdefault(pair.user_id, []).append((pair.score_taken, pair.score_drawn))
    users = [np.array(one) for one in of_users.values()]

    def area(rows: np.ndarray) -> float:
        scores = np.concatenate([users[int(row)] for row in rows])
        labels = np.tile([1, 0], len(scores))
        return float(roc_auc_score(labels, scores.ravel()))

    rows = np.arange(len(users))
    interval = bootstrap(
        (rows,), area, vectorized=False, n_resamples=500, method="percentile", rng=0
    ).confidence_interval
    return area(rows), float(interval.low), float(interval.high)


def most_popular(pairs: Iterable[Pair], shop: Shop) -> list[Pair]:
    """Return the pairs with how often a crowd of other shoppers took to the item as the score."""
    crowd = [Shopper(f"crowd{number}", seed=CROWD_SEED) for number in range(CROWD)]
    log = simulate_log(crowd, shop.garments, CROWD_EVENTS, CROWD_SEED)
    taken = [one.item_id for one in log if STRENGTH.get(one.kind, 0.0) > 0]
    counts = dict(zip(*np.unique(taken, return_counts=True), strict=True))
    return [
        Pair(
            pair.user_id,
            pair.taken,
            pair.drawn,
            float(counts.get(pair.taken.item_id, 0)),
            float(counts.get(pair.drawn.item_id, 0)),
        )
        for pair in pairs
    ]


def agreement(run: Run, *, counted: bool = False) -> tuple[float, float]:
    """Return precision and recall of the favourites that the summaries name.

    With `counted` it is the sentence that counts alone would give, for comparison.
    """
    hits = named = wanted = 0
    for person in run.people:
        state = person.history.state
        told = state.summary
        if counted:
            request = summary_request(state.model_copy(update={"block_size": BLOCK_SIZE}))
            told = own_words_of_taste(request) if request else ""
        weights = person.shopper.taste.weights
        favourites = {name for name, weight in weights.items() if weight >= FAVOURITE}
        words = {word.strip(".,").lower() for word in told.split()}
        said = {name for name in weights if name in words}
        hits, named, wanted = (
            hits + len(said & favourites),
            named + len(said),
            wanted + len(favourites),
        )
    return hits / max(named, 1), hits / max(wanted, 1)


def _scored(
    engine: Engine,
    shop: Shop,
    people: Sequence[_Person],
    picks: Sequence[tuple[Garment, InteractionKind]],
) -> list[Pair]:
    asked = []
    for person, (taken, kind) in zip(people, picks, strict=True):
        drawn = shop.garments[int(person.rng.integers(len(shop.garments)))]
        if kind in {"click", "like", "purchase"} and drawn != taken:
            asked.append((person, taken, drawn))
    requests = [
        score_request(person.history.state, [shop.profiles[one.item_id] for one in (taken, drawn)])
        for person, taken, drawn in asked
    ]
    return [
        Pair(person.shopper.user_id, taken, drawn, *scores)
        for (person, taken, drawn), scores in zip(asked, engine.score(requests), strict=True)
    ]


def _summarise(engine: Engine, people: Sequence[_Person]) -> None:
    asked = [
        (person, request)
        for person in people
        if (request := summary_request(person.history.state)) is not None
    ]
    summaries = engine.summarise([request for _, request in asked])
    for (person, _), summary in zip(asked, summaries, strict=True):
        person.history.summarise(summary)


def _profile(garment: Garment, reading: ItemReading) -> ItemProfile:
    read = {"summary": reading.summary, "attributes": reading.attributes}
    return profile_of(garment).model_copy(update=read)
