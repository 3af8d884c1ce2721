"""The list that other weights would have made of the candidates of a list that was shown."""

from models.candidates import tie_break
from models.fusion import Blend
from schemas.recommendation import Contender, Exploration, Recommendation
from stream_app.diversity import diversify

__all__ = ["list_of"]


def list_of(blend: Blend, shown: Recommendation, logged: Exploration) -> tuple[str, ...]:
    """Return the item ids that a policy would have shown, as many as were shown.

    Ranked as by the worker, diversified as by the publish agent, nothing drawn.
    """
    seed = shown.recommendation_id

    def order(one: Contender) -> tuple[float, bytes]:
        score = blend.score(one.opinions, one.prior, one.model_score, logged.num_events)
        return -score, tie_break(seed, one.item_id)

    ranked = sorted(logged.candidates, key=order)
    return tuple(one.item_id for one in diversify(ranked, len(shown.items)))
