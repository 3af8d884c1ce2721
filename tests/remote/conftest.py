"""A tiny model that answers Yes or No, served on loopback."""

from collections.abc import Iterator

import pytest
import torch
from mllm.tiny_models import llava_llama, processor, tokenizer
from remote.model_server import ModelServer, serve

from models.engine import ScoreRequest, Taste
from models.mllm.chat import render, tokenize
from models.mllm.load import LoadedModel
from models.mllm.prompts import SLOT, Plain, candidate_line, score_prompt
from models.mllm.scoring import Scorer, answer_ids
from models.remote.probe import PROBE

REQUESTS = [
    ScoreRequest(
        "Likes warm hats.",
        ("liked North hat: a warm wool hat",),
        Taste(("hat", "colour=blue"), ("shoes",)),
        ("a blue hat", "red shoes with a print", "a striped shirt"),
    ),
    ScoreRequest("", (), Taste(), ()),
    ScoreRequest("", (), Taste(), ("a short skirt",)),
]


def rendered(loaded: LoadedModel, request: ScoreRequest) -> tuple[str, list[str]]:
    """Return the local model's prefix and ends."""
    plain = Plain(())
    prefix, _, end = render(loaded.processor, score_prompt(request, plain)).partition(SLOT)
    return prefix, [f" {candidate_line(one, plain)}{end}" for one in request.candidates]


def local_scores(loaded: LoadedModel, requests: list[ScoreRequest]) -> list[list[float]]:
    """Return what the model says in this process."""
    prefixes, ends = zip(*(rendered(loaded, one) for one in requests), strict=True)
    return Scorer(loaded.model, loaded.processor).score(prefixes, ends)


@pytest.fixture(scope="session")
def answering() -> LoadedModel:
    """Random weights, but for the labels', which make Yes and No its likeliest answers."""
    words = tokenizer()
    model = llava_llama(words)
    loaded = LoadedModel(model, processor(words), "tiny", projector_trained=True, folder=None)
    prompts = [
        prefix + end
        for prefix, ends in (rendered(loaded, one) for one in [PROBE, *REQUESTS])
        for end in ends
    ]
    with torch.no_grad():
        hidden = torch.stack(
            [
                model.get_decoder()(input_ids=torch.tensor([ids])).last_hidden_state[0, -1]
                for ids in tokenize(words, prompts)
            ]
        )
        logits = 12 + torch.stack([torch.linspace(-1, 1, len(prompts)), torch.zeros(len(prompts))])
        for label, wanted in zip(answer_ids(loaded.processor), logits, strict=True):
            model.lm_head.weight[label] = torch.linalg.pinv(hidden) @ wanted
    return loaded


@pytest.fixture
def server(answering: LoadedModel) -> Iterator[ModelServer]:
    """It, with all that a server may offer."""
    with serve(answering) as running:
        yield running
