"""`models.engine.Engine` by an image-text-to-text model: what the product runs on."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from models.engine import Embeddable, ItemContent, ItemReading, ScoreRequest, SummaryRequest
from models.errors import CapacityError, EngineError, InputError
from models.mllm.answers import is_grounded, one_sentence, own_words, own_words_of_taste
from models.mllm.chat import render, special_tokens
from models.mllm.embedder import Embedder
from models.mllm.generate import Question, generate
from models.mllm.load import LoadedModel, load
from models.mllm.pictures import open_picture
from models.mllm.prompts import (
    MAX_READING_TOKENS,
    MAX_SUMMARY_TOKENS,
    PROMPT_VERSION,
    SLOT,
    SUMMARY_OPENING,
    Plain,
    candidate_line,
    reading_prompt,
    score_prompt,
    summary_prompt,
)
from models.mllm.scoring import Scorer
from models.mllm.warm_up import WARM_UP_ITEM, WARM_UP_SCORE, WARM_UP_SUMMARY
from schemas.versions import Versions

__all__ = ["MllmEngine"]

UNTRAINED = (
    "the model's projector is untrained: the picture counts in the embedding, not in the words"
)


class MllmEngine:
    """Profiles, summaries, scores and embeddings by one loaded model."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._plain = Plain(special_tokens(loaded.tokenizer))
        self._embedder = Embedder(loaded)
        self._scorer = Scorer(loaded.model, loaded.processor)
        self._versions = Versions(model=loaded.name, prompt=PROMPT_VERSION)

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
        """Read each item once; a picture that can't be read leaves the text.

        Raises:
            EngineError: If the batch failed; a CapacityError if for want of memory.
        """
        if not self._loaded.projector_trained:
            # It would pay a second an item to tell the shop's words again, or to invent some.
            return [_unseen(item) for item in items]
        pictures, faults = _opened([item.jpeg for item in items])
        questions = [
            Question(
                reading_prompt(item, self._plain, with_picture=picture is not None), picture=picture
            )
            for item, picture in zip(items, pictures, strict=True)
        ]
        with _translated():
            answers = generate(self._loaded, questions, max_new_tokens=MAX_READING_TOKENS)
        return [
            ItemReading(
                _reading(answer, item, looked=picture is not None), dict(item.attributes), fault
            )
            for answer, item, picture, fault in zip(answers, items, pictures, faults, strict=True)
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
            answers = generate(self._loaded, questions, max_new_tokens=MAX_SUMMARY_TOKENS)
        return [
            _summary(answer, request) for answer, request in zip(answers, requests, strict=True)
        ]

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        """Return p(yes) / (p(yes) + p(no)) of each candidate, in `[0, 1]`.

        Raises:
            EngineError: If the batch failed; a CapacityError if for want of memory.
        """
        prefixes, candidates = [], []
        for request in requests:
            rendered = render(self._loaded.processor, score_prompt(request, self._plain))
            prefix, _, end = rendered.partition(SLOT)
            prefixes.append(prefix)
            candidates.append(
                [f" {candidate_line(one, self._plain)}{end}" for one in request.candidates]
            )
        with _translated():
            return self._scorer.score(prefixes, candidates)

    def embed(self, inputs: Sequence[Embeddable]) -> NDArray[np.float32]:
        """Return unit rows, shape `(len(inputs), embedding_dim)`; see `models.mllm.embedder`.

        Raises:
            EngineError: If the batch failed; a CapacityError if for want of memory.
        """
        pictures, _ = _opened([one.jpeg for one in inputs])
        with _translated():
            return self._embedder.embed([one.text for one in inputs], pictures)


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


def _unseen(item: ItemContent) -> ItemReading:
    fault = None if item.jpeg is None else UNTRAINED
    return ItemReading(own_words(item), dict(item.attributes), fault)


def _reading(answer: str, item: ItemContent, *, looked: bool) -> str:
    own = own_words(item)
    sentence = one_sentence(answer)
    if sentence is None:
        return own
    # What was read off a picture is news by its nature; words alone can only be told again.
    return sentence if looked or is_grounded(sentence, f"{own} {item.description}") else own


def _summary(answer: str, request: SummaryRequest) -> str:
    sentence = one_sentence(answer)
    source = " ".join([SUMMARY_OPENING, request.previous, *request.block, *request.taste.likes])
    if sentence is None or not is_grounded(sentence, source):
        return own_words_of_taste(request)
    return sentence


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what torch and transformers raise into what callers know."""
    try:
        yield
    except EngineError:
        raise
    except torch.OutOfMemoryError as error:
        raise CapacityError(f"out of memory: {error}; use smaller batches") from error
    except Exception as error:  # whatever a model raises costs this call, not the process
        raise EngineError(f"the model failed: {error}") from error
