"""The loss of a batch of rows: only what the model answers counts, never the prompt.

The released code of MLLM-MSR (arXiv 2408.09698) learns the prompt as well.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from models.mllm.packed_attention import hidden_states
from models.mllm.training.rows import NO_TARGET, TrainingRow

__all__ = ["collate", "losses"]

Batch = dict[str, Any]


def collate(rows: Sequence[TrainingRow]) -> Batch:
    """Return the rows behind each other: tensors of shape `(tokens,)`, no token of padding."""
    batch: Batch = {
        "ids": torch.tensor([token for one in rows for token in one.row.ids]),
        "words": torch.cat([one.words for one in rows]),
        "yes": torch.cat([one.yes for one in rows]),
        "rows": [one.row for one in rows],
    }
    pictures = [one.picture for one in rows if one.picture is not None]
    if pictures:
        batch["pictures"] = torch.cat([picture.float() for picture in pictures])
    return batch


def losses(
    model: Any,  # noqa: ANN401, classes of the library hand out their parts untyped
    batch: Batch,
    answers: tuple[int, int],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss, and logit(yes) - logit(no) where it was asked, in the rows' order.

    The loss is the cross entropy of the written words, plus that of "Yes" against "No" in the
    whole vocabulary, so that both answers together keep the probability; each a mean.
    """
    embedded = model.get_input_embeddings()(batch["ids"])
    if "pictures" in batch:
        projected = model.model.multi_modal_projector(batch["pictures"])
        seen = (batch["ids"] == model.config.image_token_id).unsqueeze(-1)
        embedded = embedded.masked_scatter(seen, projected.to(embedded.dtype))
    hidden = hidden_states(model.get_decoder(), batch["rows"], embedded)
    total = torch.zeros((), device=hidden.device)
    has_word = batch["words"] != NO_TARGET
    if has_word.any():
        logits = model.get_output_embeddings()(hidden[has_word]).float()
        total = total + cross_entropy(logits, batch["words"][has_word])
    has_yes = ~batch["yes"].isnan()
    difference = torch.empty(0, device=hidden.device)
    if has_yes.any():
        told = model.get_output_embeddings()(hidden[has_yes]).float().log_softmax(-1)
        yes, no = told[:, list(answers)].T
        target = batch["yes"][has_yes]
        total = total - (target * yes + (1 - target) * no).mean()
        difference = (yes - no).detach()
    return total, difference
