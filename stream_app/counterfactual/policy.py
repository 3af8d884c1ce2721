"""The list that other weights would have made of the candidates of a list that was shown."""

import numpy as np

from models.candidates import tie_break
from models.fusion import Blend, columns
from schemas.recommendation import Exploration, Recommendation
from stream_app.diversity import diversify

__all__ = ["list_of"]


def list_of(blend: Blend, shown: Recommendation, logged: Exploration) -> tuple[str, ...]:
    """Return the item ids that a policy would have shown, as many as were shown.

    Ranked as by the worker, diversified as by the publish agent, nothing drawn.
    """
    told = [one.model_score for one in logged.candidates if one.model_score is not None]
    scores = blend.scores(
        columns([one.opinions for one in logged.candidates]),
        np.array(told) if len(told) == len(logged.candidates) else None,
        logged.num_events,
    )
    seed = shown.recommendation_id
    best_first = sorted(
        zip((-scores).tolist(), logged.candidates, strict=True),
        key=lambda one: (one[0], tie_break(seed, one[1].item_id)),
    )
    return tuple(one.item_id for one in diversify([two for _, two in best_first], len(shown.items)))
