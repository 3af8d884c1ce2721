"""Candidates behind a cached prefix, by the library's own attention.

For models whose attention is not to be replaced: what they keep of a prefix is copied for each
candidate, and whatever their layers do with it (sliding windows, states) stays theirs.
"""

from collections.abc import Iterator, Sequence

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, PreTrainedModel

from models.mllm.batches import MAX_BATCH_TOKENS
from models.mllm.rows import Row

__all__ = ["last_hidden"]


def last_hidden(decoder: PreTrainedModel, rows: Sequence[Row]) -> torch.Tensor:
    """Return the hidden state of each candidate's last token, shape `(candidates, hidden)`.

    Args:
        decoder: The language model of transformers below the output embeddings.
        rows: Whose candidates follow each other in the result; no prefix is empty.
    """
    return torch.cat([_behind(decoder, row.prefix, ends) for row in rows for ends in _at_once(row)])


def _at_once(row: Row) -> Iterator[list[list[int]]]:
    """Yield candidates as many as fit: the cache has a copy of the prefix for each of them."""
    number = max(1, MAX_BATCH_TOKENS // row.longest)
    return (row.ends[first : first + number] for first in range(0, len(row.ends), number))


def _behind(decoder: PreTrainedModel, prefix: list[int], ends: Sequence[list[int]]) -> torch.Tensor:
    device = decoder.device
    cache = DynamicCache(config=decoder.config)
    decoder(input_ids=torch.tensor([prefix], device=device), past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(len(ends))
    tokens = pad_sequence([torch.tensor(end) for end in ends], batch_first=True)
    lengths = torch.tensor([len(end) for end in ends])
    is_token = torch.arange(tokens.shape[1]) < lengths.unsqueeze(1)
    hidden: torch.Tensor = decoder(
        input_ids=tokens.to(device),
        attention_mask=torch.cat(
            [torch.ones(len(ends), len(prefix), dtype=torch.long), is_token.long()], dim=1
        ).to(device),
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    return hidden[torch.arange(len(ends)), lengths - 1]
