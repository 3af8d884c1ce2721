"""One row of tokens in which each candidate sees its prefix and itself, and nothing more is done.

A mask over a whole row computes how each token looks at each other and throws most of it away.
Here the attention is cut into the parts that count, by the hook that transformers has for it; the
model's own layers run around it, over the tokens of all users without a token of padding.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, chain

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from models.mllm.rows import Row, pieces

__all__ = ["hidden_states", "last_hidden"]

# The name has no entry among the library's mask functions, so it builds no mask for it.
SHARED_PREFIX = "stream_app_shared_prefix"

# Neighbouring candidates are looked at together, under a small mask: more of them waste products
# of strangers, fewer copy the prefix more often. Flat between 64 and 128 on a CPU; a GPU waits for
# its launches, so it gets few large ones.
GROUP_TOKENS = {"cpu": 96, "cuda": 1024}


@dataclass(frozen=True)
class _Group:
    """Candidates in the tokens `[start, end)`.

    `may_look` says at what of the prefix and the group, `(end - start, prefix + end - start)`.
    """

    start: int
    end: int
    may_look: torch.Tensor


@dataclass(frozen=True)
class _Section:
    """A user's part of the row: the prefix in the tokens `[start, end)`, then the candidates."""

    start: int
    end: int
    groups: list[_Group]


def last_hidden(decoder: PreTrainedModel, rows: Sequence[Row]) -> torch.Tensor:
    """Return the hidden state of each candidate's last token, shape `(candidates, hidden)`.

    Args:
        decoder: The language model of transformers below the output embeddings.
        rows: Whose candidates follow each other in the result.
    """
    starts = accumulate((row.num_tokens for row in rows), initial=0)
    places = [
        start + place for start, row in zip(starts, rows, strict=False) for place in row.last_places
    ]
    return hidden_states(decoder, rows)[torch.tensor(places, device=decoder.device)]


def hidden_states(
    decoder: PreTrainedModel, rows: Sequence[Row], embedded: torch.Tensor | None = None
) -> torch.Tensor:
    """Return the hidden states of all rows behind each other, shape `(tokens, hidden)`.

    With `embedded`, shape `(tokens, hidden)`, these are what the decoder reads, not the rows' ids.
    """
    device = decoder.device
    ids = _row(chain.from_iterable(row.ids for row in rows), device) if embedded is None else None
    with _shared_prefix_attention(decoder.config):
        hidden: torch.Tensor = decoder(
            input_ids=ids,
            inputs_embeds=None if embedded is None else embedded.unsqueeze(0),
            # Each candidate counts from the end of its prefix, as in a prompt of its own.
            position_ids=_row(chain.from_iterable(map(_positions, rows)), device),
            use_cache=False,
            sections=_sections(rows, device),
        ).last_hidden_state
    return hidden[0]


@contextmanager
def _shared_prefix_attention(config: PreTrainedConfig) -> Iterator[None]:
    usual = config._attn_implementation
    config._attn_implementation = SHARED_PREFIX
    try:
        yield
    finally:
        config._attn_implementation = usual


def _attention(
    _module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    _mask: None,
    *,
    sections: Sequence[_Section],
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    **_options: object,
) -> tuple[torch.Tensor, None]:
    """Return `(1, tokens, heads, head_dim)` from `(1, heads, tokens, head_dim)`.

    There may be fewer heads of keys and values than of queries.

    Raises:
        ValueError: If the model caps its logits or has attention sinks: neither is done here.
    """
    if softcap is not None or s_aux is not None:
        raise ValueError("attention with capped logits or sinks is not packed")
    parts = [part for one in sections for part in _section(query, key, value, one, scaling)]
    return torch.cat([part.transpose(1, 2) for part in parts], dim=1), None


def _section(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    section: _Section,
    scaling: float | None,
) -> Iterator[torch.Tensor]:
    prefix = slice(section.start, section.end)
    keys, values = key[:, :, prefix], value[:, :, prefix]
    if section.start < section.end:
        yield scaled_dot_product_attention(
            query[:, :, prefix],
            keys,
            values,
            is_causal=True,
            scale=scaling,
            enable_gqa=query.shape[1] > key.shape[1],
        )
    for group in section.groups:
        own = slice(group.start, group.end)
        yield _grouped(
            query[:, :, own],
            torch.cat([keys, key[:, :, own]], dim=2),
            torch.cat([values, value[:, :, own]], dim=2),
            group.may_look,
            scaling,
        )


def _grouped(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    may_look: torch.Tensor,
    scaling: float | None,
) -> torch.Tensor:
    """Attend with several heads of queries to each head of keys.

    The heads that share keys stand below each other as rows, so that no kernel repeats the keys.
    """
    batch, heads, length, head_dim = query.shape
    looked = scaled_dot_product_attention(
        query.reshape(batch, key.shape[1], -1, head_dim),
        key,
        value,
        attn_mask=may_look.repeat(heads // key.shape[1], 1),
        scale=scaling,
    )
    return looked.reshape(batch, heads, length, -1)


def _sections(rows: Sequence[Row], device: torch.device) -> list[_Section]:
    sections = []
    start = 0
    for row in rows:
        end = at = start + len(row.prefix)
        groups = []
        for ends in _neighbours(row.ends, GROUP_TOKENS.get(device.type, GROUP_TOKENS["cuda"])):
            may_look = _may_look(len(row.prefix), ends).to(device)
            groups.append(_Group(at, at + len(may_look), may_look))
            at += len(may_look)
        sections.append(_Section(start, end, groups))
        start = at
    return sections


def _neighbours(ends: list[list[int]], max_tokens: int) -> Iterator[list[list[int]]]:
    return (piece.ends for piece in pieces(Row([], ends), max_tokens))


def _may_look(prefix: int, ends: Sequence[list[int]]) -> torch.Tensor:
    """Return which of the prefix's and the group's tokens each of the group's may look at."""
    own = torch.block_diag(*(torch.ones(len(end), len(end)).tril() for end in ends)).bool()
    return torch.cat([torch.ones(len(own), prefix, dtype=torch.bool), own], dim=1)


def _row(numbers: Iterator[int], device: torch.device) -> torch.Tensor:
    return torch.tensor([list(numbers)], device=device)


def _positions(row: Row) -> Iterator[int]:
    start = len(row.prefix)
    return chain(range(start), *(range(start, start + len(end)) for end in row.ends))


ALL_ATTENTION_FUNCTIONS.register(SHARED_PREFIX, _attention)
