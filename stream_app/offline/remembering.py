"""An engine whose summaries are kept: what was written once is not paid for again.

Runs over the same log ask for the same summaries: another protocol, other weights, the same model
without a part, a run that was interrupted.
"""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from models.engine import (
    Embeddable,
    Engine,
    ItemContent,
    ItemReading,
    ScoreRequest,
    SummaryRequest,
)
from schemas.versions import Versions
from stream_app.offline.cache import Cache, digest

__all__ = ["RememberingEngine"]


class RememberingEngine:
    """Asks another engine, but for summaries that the cache has."""

    def __init__(self, engine: Engine, summaries: Cache) -> None:
        self._engine = engine
        self._summaries = summaries

    @property
    def versions(self) -> Versions:
        """Those of the other."""
        return self._engine.versions

    @property
    def embedding_dim(self) -> int:
        """That of the other."""
        return self._engine.embedding_dim

    @property
    def notice(self) -> str | None:
        """That of the other."""
        return self._engine.notice

    @property
    def num_tokens(self) -> int | None:
        """Those of the other: what was kept costs none."""
        return self._engine.num_tokens

    def profile(self, items: Sequence[ItemContent]) -> list[ItemReading]:
        """Have the other read them."""
        return self._engine.profile(items)

    def summarise(self, requests: Sequence[SummaryRequest]) -> list[str]:
        """Return the summaries; equal requests have equal ones, and each is written once."""
        versions = self.versions.model_dump()
        keys = [digest(asdict(request), versions) for request in requests]
        asked = dict(zip(keys, requests, strict=True))
        known = {key: text for key in asked if (text := self._summaries.get(key)) is not None}
        missing = {key: request for key, request in asked.items() if key not in known}
        written = self._engine.summarise(list(missing.values())) if missing else []
        for key, summary in zip(missing, written, strict=True):
            self._summaries.put(key, summary)
            known[key] = summary
        return [known[key] for key in keys]

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        """Have the other score them."""
        return self._engine.score(requests)

    def embed(self, inputs: Sequence[Embeddable]) -> NDArray[np.float32]:
        """Have the other embed them."""
        return self._engine.embed(inputs)
