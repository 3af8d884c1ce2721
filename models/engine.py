"""The door to the models: four verbs, in batches, without state.

Whatever stands behind it (the default model, any image-text-to-text model, or no weights at all),
equal inputs give equal outputs, and a row's output does not depend on its batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from schemas.versions import Versions

__all__ = [
    "AdaptableEngine",
    "Embeddable",
    "Engine",
    "ItemContent",
    "ItemReading",
    "ScoreRequest",
    "SummaryRequest",
    "Taste",
]


@dataclass(frozen=True)
class ItemContent:
    """What there is to know of an item: untrusted text, and a small JPEG or None."""

    title: str
    description: str = ""
    categories: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)
    jpeg: bytes | None = None


@dataclass(frozen=True)
class ItemReading:
    """What a model reads in an item: one paragraph, and attributes such as `colour: blue`.

    `degraded` says what the reading could not rest on, for people.
    """

    summary: str
    attributes: dict[str, str] = field(default_factory=dict)
    degraded: str | None = None


@dataclass(frozen=True)
class Taste:
    """The memory beside the summary, as a prompt shows it: most weighty first."""

    likes: tuple[str, ...] = ()
    dislikes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SummaryRequest:
    """The previous summary ("" for none) and the block of interactions since, oldest first.

    Each interaction is a line such as "liked: Alder hoodie, a warm blue hoodie".
    """

    previous: str
    block: tuple[str, ...]
    taste: Taste


@dataclass(frozen=True)
class ScoreRequest:
    """A user and the candidates to score: one prefix, many short ends.

    `recent` are the interactions that the summary doesn't know yet; `candidates` are item lines.
    `adapter` names the loaded adapter that answers, None the base weights.
    """

    summary: str
    recent: tuple[str, ...]
    taste: Taste
    candidates: tuple[str, ...]
    adapter: str | None = None


@dataclass(frozen=True)
class Embeddable:
    """A text, and the picture that goes with it or None."""

    text: str
    jpeg: bytes | None = None


class Engine(Protocol):
    """Profile items, summarise users, score candidates, embed both.

    Every method returns one output per input, in order, and raises an `EngineError` (never a
    library's) when the batch as a whole fails.
    """

    @property
    def versions(self) -> Versions:
        """Names of weights and prompts; equal versions and inputs give equal outputs."""

    @property
    def embedding_dim(self) -> int:
        """Length of an embedding."""

    @property
    def notice(self) -> str | None:
        """What a user of this engine should know of its limits, in a sentence."""

    @property
    def num_tokens(self) -> int | None:
        """Tokens that its language model has computed so far, None where nobody counts them."""

    def profile(self, items: Sequence[ItemContent]) -> list[ItemReading]:
        """Read each item once, picture and text."""

    def summarise(self, requests: Sequence[SummaryRequest]) -> list[str]:
        """Write the next preference summary of each user."""

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        """Return p(yes) / (p(yes) + p(no)) of each candidate, in `[0, 1]`.

        Source: MLLM-MSR, arXiv 2408.09698, the recommender stage.
        """

    def embed(self, inputs: Sequence[Embeddable]) -> NDArray[np.float32]:
        """Return unit rows, shape `(len(inputs), embedding_dim)`."""


@runtime_checkable
class AdaptableEngine(Engine, Protocol):
    """An engine whose scores an adapter can change, for the requests that name it.

    Profiles and embeddings are shared by all users, and summaries are what an adapter learned to
    score behind: all three always come from the base weights.
    """

    def load_adapter(self, adapter: str, data: bytes) -> None:
        """Hold an adapter ready under a name; what is asked without naming it stays the same.

        Args:
            adapter: What requests and versions will call it.
            data: The file, as `models.mllm.adapter_file` describes it.

        Raises:
            EngineError: If it can't be used; an AdapterError says why. Nothing has changed then.
        """

    def unload_adapter(self, adapter: str) -> None:
        """Forget an adapter; no request may name it from now on."""
