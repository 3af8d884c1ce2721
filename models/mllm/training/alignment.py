"""A projector's start: picture tokens that resemble the words for what they show.

A linear guess over the words of each attribute, at the price of no language model: with it the
long training begins with tokens that can be read, instead of finding that out by itself.
"""

from collections.abc import Sequence

import torch
from torch.nn.functional import cross_entropy, normalize
from transformers import PreTrainedTokenizerBase

from models.mllm.composite import Projector

__all__ = ["Labels", "align"]

BATCH_SIZE = 128
LEARNING_RATE = 1e-3
TEMPERATURE = 0.05

Labels = dict[str, Sequence[str | None]]


def align(
    projector: Projector,
    embeddings: torch.Tensor,
    tokenizer: PreTrainedTokenizerBase,
    pictures: torch.Tensor,
    labels: Labels,
    *,
    num_steps: int,
    seed: int,
) -> None:
    """Teach the mean of a picture's tokens to point at the embeddings of its words.

    Args:
        projector: Trained in place.
        embeddings: The language model's, shape `(vocab, hidden)`.
        tokenizer: Its tokenizer; a word of several tokens is their mean.
        pictures: Features of the vision tower, shape `(pictures, tokens, vision size)`.
        labels: For each attribute the word of each picture, None where it isn't known.
        num_steps: Batches of 128 pictures.
        seed: Of the order of the pictures.
    """
    device = embeddings.device
    words = {name: sorted({one for one in told if one}) for name, told in labels.items()}
    targets = {
        name: torch.tensor([words[name].index(one) if one else -100 for one in told], device=device)
        for name, told in labels.items()
    }
    directions = {
        name: torch.stack([_direction(one, embeddings, tokenizer) for one in of_attribute])
        for name, of_attribute in words.items()
    }
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(projector.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
    for _ in range(num_steps):
        rows = torch.randint(len(pictures), (BATCH_SIZE,), generator=order)
        seen = pictures[rows].float().to(device)
        pointed = normalize(projector(seen).mean(1), dim=-1)
        losses = [
            cross_entropy(
                pointed @ directions[name].T / TEMPERATURE, targets[name][rows.to(device)]
            )
            for name in words
            if (targets[name][rows.to(device)] >= 0).any()
        ]
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()
        schedule.step()


def _direction(
    word: str, embeddings: torch.Tensor, tokenizer: PreTrainedTokenizerBase
) -> torch.Tensor:
    ids = tokenizer.encode(f" {word}", add_special_tokens=False)
    return normalize(embeddings[ids].detach().mean(0), dim=-1)
