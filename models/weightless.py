"""An engine without weights: words in common instead of a model.

For tests, and for measuring what everything around the model costs. Deterministic, and good
enough that liking blue things brings blue things.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from models.engine import Embeddable, ItemContent, ItemReading, ScoreRequest, SummaryRequest
from models.item_text import shorten
from schemas.versions import Versions

__all__ = ["WeightlessEngine"]

DIM = 64
MAX_SUMMARY_CHARS = 300
WORD = re.compile(r"[^\W_]+")


class WeightlessEngine:
    """Implements `models.engine.Engine` by word overlap; pictures are not looked at."""

    versions = Versions(model="weightless-1", prompt="none")
    embedding_dim = DIM
    notice = "The weightless engine compares words; it neither sees pictures nor understands text."
    num_tokens = None

    def profile(self, items: Sequence[ItemContent]) -> list[ItemReading]:
        """Return each item's own words as its summary."""
        return [_read(item) for item in items]

    def summarise(self, requests: Sequence[SummaryRequest]) -> list[str]:
        """Return the likes and the newest block as a sentence."""
        return [_summary(request) for request in requests]

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        """Return the share of each candidate's words that the user's texts contain, in `[0, 1]`."""
        return [_overlaps(request) for request in requests]

    def load_adapter(self, adapter: str, data: bytes) -> None:
        """Accept any adapter: there are no weights for it to change."""

    def unload_adapter(self, adapter: str) -> None:
        """Forget what was never kept."""

    def embed(self, inputs: Sequence[Embeddable]) -> NDArray[np.float32]:
        """Return hashed bags of words as unit rows, shape `(len(inputs), 64)`."""
        rows = np.zeros((len(inputs), DIM), dtype=np.float32)
        for row, one in zip(rows, inputs, strict=True):
            for word in _words(one.text):
                index, sign = _hashed(word)
                row[index] += sign
            # A text without words points somewhere too: a zero row has no direction.
            row[0] += 1e-3
            row /= np.linalg.norm(row)
        return rows


def _read(item: ItemContent) -> ItemReading:
    text = f"{item.title}. {item.description}" if item.description else item.title
    return ItemReading(shorten(text, MAX_SUMMARY_CHARS), dict(item.attributes))


def _summary(request: SummaryRequest) -> str:
    likes = ", ".join(name.split("=", 1)[-1] for name in request.taste.likes)
    return shorten(
        f"Likes {likes or 'many things'}. Lately {'; '.join(request.block)}", MAX_SUMMARY_CHARS
    )


def _overlaps(request: ScoreRequest) -> list[float]:
    known = set(_words(" ".join([request.summary, *request.recent, *request.taste.likes])))
    ruled_out = set(_words(" ".join(request.taste.dislikes))) - known
    return [_overlap(_words(candidate), known, ruled_out) for candidate in request.candidates]


def _overlap(words: list[str], known: set[str], ruled_out: set[str]) -> float:
    for_it = sum(word in known for word in words)
    against_it = sum(word in ruled_out for word in words)
    return max(0.0, (for_it - against_it) / max(len(words), 1))


def _words(text: str) -> list[str]:
    return WORD.findall(text.lower())


@lru_cache(maxsize=65_536)
def _hashed(word: str) -> tuple[int, float]:
    digest = blake2b(word.encode(), digest_size=4).digest()
    return digest[0] % DIM, 1.0 if digest[1] & 1 else -1.0
