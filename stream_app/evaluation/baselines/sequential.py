"""A causal transformer over items, trained to say the next one: SASRec's method, by cornac."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.interaction import Interaction
from stream_app.evaluation.baselines.baseline import SEED, Baseline, Question, Scores

__all__ = ["SasRec"]


class SasRec(Baseline):
    """Self-attention over the user's liked items, with a loss at every position.

    Cornac's own SASRec trains on each prefix by itself, 68 s an epoch on MovieLens where its GPT-2
    backbone with the causal objective takes 5 s: that trains on all positions at once, as the
    paper does. The loss is a softmax over sampled items instead of one negative, which makes
    SASRec stronger.

    Items are sampled by their popularity, so the model learns how much more likely an item is
    than its popularity says; that factor is put back into the score.

    Source: Kang & McAuley, ICDM 2018 (arXiv 1808.09781); softmax: Klenitskiy & Vasilev, RecSys
    2023; sampling bias: Yi et al., RecSys 2019.
    """

    name = "SASRec (GPT-2 blocks)"
    relearn_events = 20_000

    def __init__(self, *, num_epochs: int = 5, max_length: int = 50, dimension: int = 64) -> None:
        super().__init__()
        self._num_epochs, self._max_length, self._dimension = num_epochs, max_length, dimension
        self._liked: list[Interaction] = []
        self._model: Any = None
        self._rows = np.zeros(0, dtype=np.int64)
        self._log_share = np.zeros(0)

    def _learn(self, liked: Sequence[Interaction]) -> None:
        self._liked.extend(liked)
        pieces = self._pieces()
        if not pieces:
            return
        import torch
        from cornac.data import SequentialDataset
        from cornac.models import TransformerRec

        from models.mllm.quiet import quiet

        data = SequentialDataset.from_usit(pieces, seed=SEED)
        # Cornac seeds torch for the whole process.
        with quiet(), torch.random.fork_rng():
            self._model = TransformerRec(
                backbone="gpt2",
                objective="clm",
                embedding_dim=self._dimension,
                max_len=self._max_length,
                n_epochs=self._num_epochs,
                batch_size=32,
                n_sample=1024,
                sample_alpha=1.0,
                seed=SEED,
            ).fit(data)
        # Cornac numbers items in an order of its own.
        self._rows = np.array([self.index[one] for one in data.item_ids])
        counts = Counter(item_id for _, _, item_id, _ in pieces)
        shares = np.array([counts[one] for one in data.item_ids]) / len(pieces)
        self._log_share = np.log(shares)

    def _scores(self, question: Question) -> Scores:
        scores = np.zeros(len(self.item_ids))
        if self._model is None:
            return scores
        known = self._model.iid_map
        liked = [self.item_ids[row] for row in self.rows_of(question.history)]
        if history := [known[one] for one in liked if one in known]:
            logits = self._model.score(None, history) + self._log_share
            odds = np.exp(logits - logits.max())
            scores[self._rows] = odds / odds.sum()
        return scores

    def _pieces(self) -> list[tuple[str, str, str, int]]:
        """Return user, sequence, item and order: long histories cut so that no event is lost."""
        by_user: defaultdict[str, list[str]] = defaultdict(list)
        for event in self._liked:
            by_user[event.user_id].append(event.item_id)
        return [
            (user_id, f"{user_id} {place // self._max_length}", item_id, place)
            for user_id, liked in by_user.items()
            if len(liked) > 1
            for place, item_id in enumerate(liked)
        ]
