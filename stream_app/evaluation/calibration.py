"""Whether a score of 0.7 means seven of ten."""

from collections.abc import Sequence

from stream_app.replay.queries import Query, RankedList

__all__ = ["expected_calibration_error"]

NUM_BINS = 10


def expected_calibration_error(
    queries: Sequence[Query], answers: Sequence[RankedList]
) -> float | None:
    """Return the mean gap between an item's score and how often such items are the target.

    In `[0, 1]`, over all listed items in ten bins of equal width; None if a score lies outside
    `[0, 1]`, as then none is meant as a probability.

    Source: Guo et al., ICML 2017 (arXiv 1706.04599), by torchmetrics.
    """
    scores = [score for answer in answers for score in answer.scores]
    if not scores or min(scores) < 0 or max(scores) > 1:
        return None
    import torch
    from torchmetrics.functional.classification import binary_calibration_error

    taken = [
        item_id == query.target
        for query, answer in zip(queries, answers, strict=True)
        for item_id in answer.item_ids
    ]
    error = binary_calibration_error(
        torch.tensor(scores, dtype=torch.float64), torch.tensor(taken).long(), n_bins=NUM_BINS
    )
    return float(error)
