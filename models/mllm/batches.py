"""Rows in batches that fit: padding costs as much as text, so it counts against the budget."""

from collections.abc import Iterator, Sequence

__all__ = ["MAX_BATCH_TOKENS", "batches", "unpadded_batches"]

# Tokens of one forward pass, padding included: half a gigabyte of activations with small models.
MAX_BATCH_TOKENS = 8192


def batches(lengths: Sequence[int], max_tokens: int = MAX_BATCH_TOKENS) -> Iterator[list[int]]:
    """Yield row numbers in batches whose padded size stays in the budget, longest rows first.

    Rows of similar length go together. A row longer than the budget goes alone.
    """
    batch: list[int] = []
    longest = 0
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batch and longest * (len(batch) + 1) > max_tokens:
            yield batch
            batch = []
        if not batch:
            longest = lengths[row]
        batch.append(row)
    if batch:
        yield batch


def unpadded_batches(
    lengths: Sequence[int], max_tokens: int = MAX_BATCH_TOKENS
) -> Iterator[list[int]]:
    """Yield row numbers in order, in batches whose lengths together stay in the budget."""
    batch: list[int] = []
    num_tokens = 0
    for row, length in enumerate(lengths):
        if batch and num_tokens + length > max_tokens:
            yield batch
            batch = []
            num_tokens = 0
        batch.append(row)
        num_tokens += length
    if batch:
        yield batch
