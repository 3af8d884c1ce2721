"""`models.engine.Engine` by an OpenAI-compatible server, such as vLLM or SGLang.

Prompts and what is kept of the answers are those of the local model. A server batches as it likes,
so equal inputs give equal outputs only up to its rounding.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.engine import Embeddable, ItemContent, ItemReading, ScoreRequest, SummaryRequest
from models.errors import EngineError, InputError, ModelLoadError
from models.mllm.pictures import open_picture
from models.mllm.prompts import (
    MAX_READING_TOKENS,
    MAX_SUMMARY_TOKENS,
    PROMPT_VERSION,
    SUMMARY_OPENING,
    reading_prompt,
    summary_prompt,
)
from models.mllm.readings import reading, summary
from models.remote.chat import Chat, Question, plain
from models.remote.contract import Model, Models
from models.remote.embedding import ServerEmbedder, TextEmbedder
from models.remote.probe import choose_scoring
from models.remote.scoring import Scoring
from models.remote.server import Server
from schemas.versions import Versions

__all__ = ["RemoteEngine"]

LOCAL_EMBEDDER = "all-MiniLM-L6-v2"


class RemoteEngine:
    """Profiles, summaries, scores and embeddings by a model on a server.

    `label_mass`, in `[0, 1]`, is the least p(yes) + p(no) of the newest scores: near 0 the model
    has stopped answering the question. Where the server doesn't tell it, it is the start's.
    """

    def __init__(
        self,
        server: Server,
        model: Model,
        scoring: Scoring,
        embedder: TextEmbedder,
        *,
        label_mass: float,
        embedder_name: str,
    ) -> None:
        self._server = server
        self._chat = Chat(server, model.id)
        self._scoring = scoring
        self._embedder = embedder
        self._plain = plain()
        self.label_mass = label_mass
        # A server doesn't tell a hash of its weights; where they came from is the next best.
        name = f"{model.id}+{embedder_name}@{model.root or 'unknown'}"
        self._versions = Versions(model=name, prompt=PROMPT_VERSION)

    @classmethod
    def connect(
        cls,
        base_url: str,
        model: str,
        *,
        api_key: str = "",
        timeout_s: float = 10.0,
        concurrency: int = 16,
        embedding_model: str = "",
    ) -> "RemoteEngine":
        """Find the model on the server and a way to score with it; a few calls.

        Args:
            base_url: Up to "/v1", such as "http://vllm:8000/v1".
            model: Its name on the server.
            api_key: "" for none.
            timeout_s: For each try of a call.
            concurrency: Calls at a time.
            embedding_model: A name on the server; "" for all-MiniLM-L6-v2 on this machine.

        Raises:
            ModelLoadError: If the server, the model or a way to score is missing; says what to do.
        """
        server = Server(base_url, api_key=api_key, timeout_s=timeout_s, concurrency=concurrency)
        served = _served(server, model)
        scoring, label_mass = choose_scoring(server, served.id)
        return cls(
            server,
            served,
            scoring,
            _embedder(server, embedding_model),
            label_mass=label_mass,
            embedder_name=embedding_model or LOCAL_EMBEDDER,
        )

    @property
    def versions(self) -> Versions:
        """Names of model, embedder and prompts, as far as the server tells them."""
        return self._versions

    @property
    def embedding_dim(self) -> int:
        """Length of an embedding."""
        return self._embedder.dim

    @property
    def notice(self) -> str | None:
        """How scores are made, and what pictures count for."""
        return (
            f"Scores come from {self._scoring.name} of {self._server.name}; "
            f"pictures count in the words, not in the embedding."
        )

    @property
    def num_tokens(self) -> int | None:
        """None: servers that score tell no usage."""
        return None

    def profile(self, items: Sequence[ItemContent]) -> list[ItemReading]:
        """Look at each picture once; an item without one keeps the shop's own words.

        So does one whose picture the server refuses, and says so.

        Raises:
            EngineError: If the server fails for one of them.
        """
        return self._server.each(self._read, items)

    def summarise(self, requests: Sequence[SummaryRequest]) -> list[str]:
        """Write the next preference summary of each user, as "Likes ...".

        Raises:
            EngineError: If the server fails for one of them.
        """
        return self._server.each(self._summarise, requests)

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        """Return p(yes) / (p(yes) + p(no)) of each candidate, in `[0, 1]`.

        Raises:
            EngineError: If the server fails for one of them, or weighs neither yes nor no.
        """
        asked = [one for one in requests if one.candidates]
        scored = self._scoring.score(asked)
        masses = [one.label_mass for one in scored if one.label_mass is not None]
        self.label_mass = min(masses, default=self.label_mass)
        found = iter(scored)
        return [next(found).scores if one.candidates else [] for one in requests]

    def embed(self, inputs: Sequence[Embeddable]) -> NDArray[np.float32]:
        """Return unit rows of the texts, shape `(len(inputs), embedding_dim)`.

        Raises:
            EngineError: If the server fails.
        """
        return self._embedder.embed([one.text for one in inputs])

    def _read(self, item: ItemContent) -> ItemReading:
        if item.jpeg is None:
            return reading(item, None, None)
        question = Question(reading_prompt(item, self._plain), item.jpeg)
        try:
            open_picture(item.jpeg)
            answer = self._chat.write(question, max_tokens=MAX_READING_TOKENS)
        except InputError as error:
            # No picture, or none that this model takes: it would be the same each time.
            return reading(item, None, str(error))
        return reading(item, answer, None)

    def _summarise(self, request: SummaryRequest) -> str:
        question = Question(summary_prompt(request, self._plain), opening=SUMMARY_OPENING)
        return summary(request, self._chat.write(question, max_tokens=MAX_SUMMARY_TOKENS))


def _served(server: Server, model: str) -> Model:
    try:
        served = {one.id: one for one in server.get("/models", Models).data}
    except EngineError as error:
        raise ModelLoadError(f"{error}; check OPENAI_BASE_URL") from error
    if model not in served:
        raise ModelLoadError(
            f"{server.name} serves no model {model}, but: {', '.join(sorted(served)) or 'none'}; "
            f"set MODEL_ID to one of them"
        )
    return served[model]


def _embedder(server: Server, model: str) -> TextEmbedder:
    if not model:
        # Imports torch: a server that embeds spares the worker its seconds and memory.
        from models.mllm import text_embedder

        return text_embedder.TextEmbedder()
    try:
        return ServerEmbedder(server, model)
    except EngineError as error:
        raise ModelLoadError(f"{model} of {server.name} can't embed: {error}") from error
