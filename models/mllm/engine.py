"""`models.engine.Engine` by an image-text-to-text model: what the product runs on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from models.adapters import require_fit
from models.engine import Embeddable, ItemContent, ItemReading, ScoreRequest, SummaryRequest
from models.errors import AdapterError, CapacityError, EngineError, EngineLostError, InputError
from models.mllm.adapter_file import Adapter
from models.mllm.adapters import Adapters
from models.mllm.chat import special_tokens
from models.mllm.embedder import Embedder
from models.mllm.generate import Question, generate
from models.mllm.load import LoadedModel, load
from models.mllm.pictures import open_picture
from models.mllm.prompts import (
    MAX_READING_TOKENS,
    MAX_SUMMARY_TOKENS,
    PROMPT_VERSION,
    SUMMARY_OPENING,
    Plain,
    reading_prompt,
    summary_prompt,
)
from models.mllm.readings import reading, summary
from models.mllm.scoring import Scorer, score_texts
from models.mllm.warm_up import KNOWN_REQUESTS, WARM_UP_ITEM, WARM_UP_SCORE, WARM_UP_SUMMARY
from schemas.versions import Versions

__all__ = ["MllmEngine"]

STRANGE = "the picture is unlike all that the model was taught to see: it counts in the embedding"
UNTRAINED = (
    "the model's projector is untrained: the picture counts in the embedding, not in the words"
)

# Of the base weights' probability of an answer, what an adapter must leave: one that has broken
# the model puts its probability anywhere, one that was trained on answers raises it.
MIN_LABEL_MASS_KEPT = 0.5


class MllmEngine:
    """Profiles, summaries, scores and embeddings by one loaded model, with adapters beside it."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._plain = Plain(special_tokens(loaded.tokenizer))
        self._embedder = Embedder(loaded)
        self._scorer = Scorer(loaded.model, loaded.processor)
        self._adapters = Adapters(loaded.model)
        self._versions = Versions(model=loaded.name, prompt=PROMPT_VERSION)
        self._num_generated = 0

    @classmethod
    def load(cls, model: str | Path) -> "MllmEngine":
        """Load a folder or a hub id, on cuda where there is one; takes seconds.

        Raises:
            ModelLoadError: If it is missing, unsafe, not supported, or does not answer with Yes
                or No; says what to do.
        """
        engine = cls(load(model))
        engine._scorer.require_label_mass()
        return engine

    @property
    def versions(self) -> Versions:
        """Names of weights and prompts."""
        return self._versions

    @property
    def embedding_dim(self) -> int:
        """Length of an embedding: the text's part and the picture's."""
        return self._embedder.dim

    @property
    def notice(self) -> str | None:
        """That the projector is untrained, where it is."""
        return None if self._loaded.projector_trained else f"{UNTRAINED[0].upper()}{UNTRAINED[1:]}."

    @property
    def num_tokens(self) -> int:
        """Tokens of prompts, a shared prefix once, and of answers; embeddings are not counted."""
        return self._scorer.num_tokens + self._num_generated

    @property
    def label_mass(self) -> float:
        """Share of probability on Yes and No when it last scored, see `Scorer`; for a metric."""
        return self._scorer.label_mass

    def warm_up(self) -> None:
        """Answer one request of each kind at full size, so that the first user waits for nothing.

        Kernels are chosen and memory is taken at their first use.

        Raises:
            EngineError: If the model fails at it; a CapacityError if for want of memory.
        """
        self.profile([WARM_UP_ITEM])
        self.embed([Embeddable(WARM_UP_ITEM.title, WARM_UP_ITEM.jpeg)])
        self.summarise([WARM_UP_SUMMARY])
        self.score([WARM_UP_SCORE])

    def profile(self, items: Sequence[ItemContent]) -> list[ItemReading]:
        """Look at each picture once; an item without one keeps the shop's own words.

        Raises:
            EngineError: If the batch failed; a CapacityError if for want of memory.
        """
        pictures, faults = _opened([item.jpeg for item in items])
        if not self._loaded.projector_trained:
            faults = [None if item.jpeg is None else UNTRAINED for item in items]
            pictures = [None] * len(items)
        with _translated():
            strange = self._strange(pictures)
        for row in strange:
            pictures[row], faults[row] = None, STRANGE
        looked_at = [row for row, picture in enumerate(pictures) if picture is not None]
        questions = [
            Question(reading_prompt(items[row], self._plain), picture=pictures[row])
            for row in looked_at
        ]
        with _translated():
            answers = self._generate(questions, MAX_READING_TOKENS)
        seen = dict(zip(looked_at, answers, strict=True))
        return [
            reading(item, seen.get(row), fault)
            for row, (item, fault) in enumerate(zip(items, faults, strict=True))
        ]

    def summarise(self, requests: Sequence[SummaryRequest]) -> list[str]:
        """Write the next preference summary of each user, as "Likes ...".

        Raises:
            EngineError: If the batch failed; a CapacityError if for want of memory.
        """
        questions = [
            Question(summary_prompt(request, self._plain), opening=SUMMARY_OPENING)
            for request in requests
        ]
        with _translated():
            answers = self._generate(questions, MAX_SUMMARY_TOKENS)
        return [summary(request, answer) for request, answer in zip(requests, answers, strict=True)]

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        """Return p(yes) / (p(yes) + p(no)) of each candidate, in `[0, 1]`.

        Raises:
            EngineError: If the batch failed; a CapacityError if for want of memory, an
                AdapterError if one that is named isn't loaded.
        """
        with _translated():
            return self._adapters.each(self._score, requests)

    def embed(self, inputs: Sequence[Embeddable]) -> NDArray[np.float32]:
        """Return unit rows, shape `(len(inputs), embedding_dim)`; see `models.mllm.embedder`.

        Raises:
            EngineError: If the batch failed; a CapacityError if for want of memory.
        """
        pictures, _ = _opened([one.jpeg for one in inputs])
        with _translated():
            return self._embedder.embed([one.text for one in inputs], pictures)

    def load_adapter(self, adapter: str, data: bytes) -> None:
        """Hold an adapter ready, if known questions show that the model still answers with it.

        Raises:
            EngineError: If it can't be used; an AdapterError says why. Nothing has changed then.
        """
        with _translated():
            read = Adapter.from_bytes(data)
            if read.base is None or read.prompt is None:
                raise AdapterError("an adapter that doesn't name its base model and prompts")
            require_fit(self._versions, base=read.base, prompt=read.prompt)
            self._adapters.load(adapter, read)
            try:
                self._probe(adapter)
            except BaseException:
                self._adapters.unload(adapter)
                raise

    def unload_adapter(self, adapter: str) -> None:
        """Forget an adapter; no request may name it from now on."""
        with _translated():
            self._adapters.unload(adapter)

    def _generate(self, questions: Sequence[Question], max_new_tokens: int) -> list[str]:
        written = generate(self._loaded, questions, max_new_tokens=max_new_tokens)
        self._num_generated += sum(one.num_tokens for one in written)
        return [one.text for one in written]

    def _probe(self, adapter: str) -> None:
        floor = MIN_LABEL_MASS_KEPT * self._least_label_mass()
        with self._adapters.active(adapter):
            found = self._least_label_mass()
        # So written, "not a number" fails as well.
        if not found >= floor:
            raise AdapterError(
                f"with adapter {adapter} the model answers Yes or No with probability {found:.2g}, "
                f"the least allowed is {floor:.2g}; train it anew"
            )

    def _strange(self, pictures: Sequence[Image.Image | None]) -> list[int]:
        """Return the rows of pictures that are unlike all that the model was taught to see."""
        rows = [row for row, picture in enumerate(pictures) if picture is not None]
        if not rows or self._loaded.familiar is None:
            return []
        vectors = self._embedder.see([picture for picture in pictures if picture is not None])
        known = self._loaded.familiar.knows(vectors)
        return [row for row, is_known in zip(rows, known, strict=True) if not is_known]

    def _least_label_mass(self) -> float:
        """Return the least share of probability on Yes and No over known requests."""
        masses = []
        for request in KNOWN_REQUESTS:
            self._score([request])
            masses.append(self.label_mass)
        return float(np.min(masses))

    def _score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        texts = [score_texts(self._loaded.processor, one, self._plain) for one in requests]
        return self._scorer.score(
            [prefix for prefix, _ in texts], [candidates for _, candidates in texts]
        )


def _opened(
    jpegs: Sequence[bytes | None],
) -> tuple[list[Image.Image | None], list[str | None]]:
    """Return each picture, and for each what is wrong with it: one bad row costs one row."""
    pictures: list[Image.Image | None] = []
    faults: list[str | None] = []
    for jpeg in jpegs:
        try:
            pictures.append(None if jpeg is None else open_picture(jpeg))
            faults.append(None)
        except InputError as error:
            pictures.append(None)
            faults.append(str(error))
    return pictures, faults


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what torch and transformers raise into what callers know."""
    try:
        yield
    except EngineError:
        raise
    except torch.OutOfMemoryError as error:
        raise CapacityError(f"out of memory: {error}; use smaller batches") from error
    except torch.AcceleratorError as error:
        # After one every call to the device fails, whatever it is asked.
        raise EngineLostError(f"the accelerator failed, start anew: {error}") from error
    except Exception as error:  # whatever a model raises costs this call, not the process
        raise EngineError(f"the model failed: {error}") from error
