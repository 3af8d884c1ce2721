"""Weights of the final score, learned from the part of a log that lies before the cut."""

from collections.abc import Sequence

from schemas.codec import encode
from schemas.fusion_weights import FusionWeights
from schemas.interaction import Interaction
from stream_app.fusion.learn import Choice, Option, learn
from stream_app.offline.cache import digest
from stream_app.replay.journal import Answer, InMemory
from stream_app.replay.protocols import Sample, cut_position, temporal
from stream_app.replay.queries import Query
from stream_app.replay.run import Replayed, answer_queries
from stream_app.show import Progress

__all__ = ["learn_weights"]

# Of what may be learned from, the newest part: the rest is what its lists rest on.
LEARNING_SHARE = 0.2


def learn_weights(
    by: Replayed, learnable: Sequence[Interaction], sample: Sample, *, progress: Progress
) -> FusionWeights:
    """Return weights that tell what users chose from what stood beside it in their lists.

    Args:
        by: Whose lists; with the even blend they are those of any other, in another order.
        learnable: The log up to the cut.
        sample: Of which users and how many queries.
        progress: Is told how far it is.

    Raises:
        TooFewChoicesError: If too few lists had what the user then chose.
    """
    queries = temporal(learnable, sample, test_share=LEARNING_SHARE)
    kept = InMemory()
    cut = cut_position(learnable, test_share=LEARNING_SHARE)
    answer_queries(by, learnable, queries, kept, learned=cut, progress=progress)
    asked = {query.query_id: query for query in queries}
    weights = learn("unnamed", [_choice(asked[one.ranked.query_id], one) for one in kept.answers])
    return weights.model_copy(update={"name": digest(encode(weights).decode())[:12]})


def _choice(query: Query, answer: Answer) -> Choice:
    options = [
        Option(one.opinions, one.model_score, is_target=one.item_id == query.target)
        for one in answer.candidates
    ]
    return Choice(query.num_history, options)
