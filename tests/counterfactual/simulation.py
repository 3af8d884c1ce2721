"""Users whose chance to click is known, and the lists and interactions that they leave behind.

The policy in use goes by what most sources say, the other by taste, which is what users click by.
Where both agree users click seldom: whoever looks at those lists alone finds too little.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from models.fusion import FEATURES, EvenBlend, Fusion, columns
from models.ranking import tie_break
from records import EPOCH, source
from schemas.fusion_weights import FusionStage, FusionWeights
from schemas.interaction import Interaction
from schemas.ranking import RankedCandidate, Ranking, Trigger
from schemas.recommendation import Recommendation
from schemas.versions import Versions
from stream_app.agents.publish import recommendation

LENGTH, NUM_CANDIDATES = 3, 6
AT_PLACE = (1.0, 0.7, 0.4)


def by_taste() -> FusionWeights:
    weights = tuple(5.0 if name == "taste" else 0.0 for name in FEATURES)
    stage = FusionStage(
        min_events=0, intercept=-2, weights=weights, prior_intercept=-2, prior_weights=weights
    )
    return FusionWeights(name="by taste", features=FEATURES, stages=(stage,))


@dataclass(frozen=True)
class World:
    """What was shown and done; `value` is how often the other policy's lists are clicked."""

    lists: list[Recommendation]
    events: list[Interaction]
    value: float


def simulate(num_lists: int, *, share: float, seed: int) -> World:
    rng = np.random.default_rng(seed)
    other = Fusion(by_taste())
    lists, events, values = [], [], []
    for number in range(num_lists):
        tastes = rng.permutation(NUM_CANDIDATES) / NUM_CANDIDATES
        agrees = rng.random() < 0.5
        priors = tastes if agrees else 1 - tastes
        chances = {
            f"i{number}-{place}": (0.1 if agrees else 0.5) + 0.4 * taste
            for place, taste in enumerate(tastes)
        }
        # The seed is in the name: by its id a list draws the same in every world.
        user = f"u{seed}-{number % (num_lists // 8)}"
        ranked = _ranking(number, user, list(chances), tastes, priors)
        one = recommendation(ranked, ranked.candidates, length=LENGTH, share=share)
        lists.append(one)
        events += _clicks(rng, one, chances)
        scores = other.scores(columns([c.opinions for c in ranked.candidates]), None, 5)
        best = [ranked.candidates[row] for row in np.argsort(-scores)]
        values.append(
            sum(p * chances[c.item_id] for p, c in zip(AT_PLACE, best[:LENGTH], strict=True))
        )
    return World(lists, events, float(np.mean(values)))


def _clicks(rng, one: Recommendation, chances: dict[str, float]) -> list[Interaction]:
    return [
        Interaction(
            event_id=f"{one.recommendation_id}:{item.rank}",
            user_id=one.user_id,
            item_id=item.item_id,
            kind="click",
            occurred_at=one.trigger.occurred_at + timedelta(seconds=item.rank),
        )
        for item, at_place in zip(one.items, AT_PLACE, strict=True)
        if rng.random() < at_place * chances[item.item_id]
    ]


def _ranking(number: int, user: str, item_ids: list[str], tastes, priors) -> Ranking:
    ranking_id = f"{user}:0:{number}"
    opinions = {"taste": tastes, "recent": priors, "popular": priors}
    scores = EvenBlend().scores(opinions, None, 5)
    candidates = [
        RankedCandidate(
            item_id=item_id,
            title="Item",
            score=float(score),
            prior=float(score),
            sources={},
            opinions={name: float(of_items[row]) for name, of_items in opinions.items()},
        )
        for row, (item_id, score) in enumerate(zip(item_ids, scores, strict=True))
    ]
    candidates.sort(key=lambda one: (-one.score, tie_break(ranking_id, one.item_id)))
    trigger = Trigger(
        event_id=f"e{number}",
        item_id="i",
        title="Item",
        kind="view",
        occurred_at=EPOCH + timedelta(minutes=number),
        source=source(number),
    )
    return Ranking(
        ranking_id=ranking_id,
        user_id=user,
        trigger=trigger,
        summary="",
        previous_summary="",
        candidates=tuple(candidates),
        versions=Versions(model="m", prompt="p"),
        num_events=5,
    )
