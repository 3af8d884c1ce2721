"""Weights of the final score, learned from the part of a log that lies before the cut."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models.fusion import EvenBlend, Fusion, columns
from schemas.codec import encode
from schemas.fusion_weights import FusionWeights
from schemas.interaction import Interaction
from stream_app.fusion.learn import Choice, learn_model, learn_sources
from stream_app.offline.cache import digest
from stream_app.replay.journal import Answer, InMemory
from stream_app.replay.protocols import Sample, cut_position, temporal
from stream_app.replay.queries import Query
from stream_app.replay.run import Replayed, answer_queries
from stream_app.show import Progress

__all__ = ["learn_weights"]

# Of what may be learned from, the newest part: the rest is what its lists rest on.
LEARNING_SHARE = 0.2
# As far down as the sources' weights look for what the user chose.
NUM_FOUND = 100


def learn_weights(
    by: Replayed, learnable: Sequence[Interaction], sample: Sample, *, progress: Progress
) -> FusionWeights:
    """Return weights that tell what users chose from what stood beside it in their lists.

    Args:
        by: Whose lists.
        learnable: The log up to the cut.
        sample: Of which users and how many queries.
        progress: Is told how far it is.

    Raises:
        TooFewChoicesError: If too few lists had what the user then chose.
    """
    queries = temporal(learnable, sample, test_share=LEARNING_SHARE)
    cut = cut_position(learnable, test_share=LEARNING_SHARE)

    def choices(lists_by: Replayed) -> list[Choice]:
        kept = InMemory()
        answer_queries(lists_by, learnable, queries, kept, learned=cut, progress=progress)
        asked = {query.query_id: query for query in queries}
        return [_choice(asked[one.ranked.query_id], one) for one in kept.answers]

    found = replace(by.options, num_candidates=NUM_FOUND, blend=EvenBlend())
    weights = learn_sources("unnamed", choices(replace(by, options=found, ranked_by="prior")))
    if by.ranked_by == "model":
        scored = replace(by.options, blend=Fusion(weights))
        weights = learn_model(weights, choices(replace(by, options=scored)))
    return weights.model_copy(update={"name": digest(encode(weights).decode())[:12]})


def _choice(query: Query, answer: Answer) -> Choice:
    scores = [one.model_score for one in answer.candidates if one.model_score is not None]
    item_ids = [one.item_id for one in answer.candidates]
    return Choice(
        query.num_history,
        columns([one.opinions for one in answer.candidates]),
        np.array(scores) if len(scores) == len(item_ids) else None,
        item_ids.index(query.target) if query.target in item_ids else None,
    )
