"""The same by the model that the product is delivered with: a real tokenizer, real answers."""

import pytest
from mllm.conftest import DEFAULT_MODEL
from remote.conftest import local_scores
from remote.model_server import EVERYTHING, serve

from models.engine import ScoreRequest, SummaryRequest, Taste
from models.mllm.load import LoadedModel, load
from models.remote.engine import RemoteEngine

pytestmark = pytest.mark.model

TASTE = Taste(("category=Crime", "category=Action"), ("category=Animation",))
REQUESTS = [
    ScoreRequest(
        "Likes crime films.",
        ("liked Heat (1995): Action, Crime",),
        TASTE,
        ("Casino (1995): Crime", "Dumbo (1941): Animation, Children", "7 (1995): Crime"),
    ),
    ScoreRequest("", (), Taste(), ("Alder Street hoodie: blue",)),
]


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load(DEFAULT_MODEL)


@pytest.mark.parametrize(
    ("way", "offers", "tolerance"),
    [
        ("generative_scoring", EVERYTHING, 1e-4),
        ("/v1/score", EVERYTHING - {"generative_scoring"}, 1e-4),
        # Other spellings of Yes and No count as well, and this model isn't sure of its answer.
        ("likeliest tokens", EVERYTHING - {"generative_scoring", "score"}, 0.05),
    ],
)
def test_each_way_finds_what_the_model_says_in_process(loaded, way, offers, tolerance):
    with serve(loaded, offers) as server:
        engine = RemoteEngine.connect(server.url, "tiny", embedding_model="words", timeout_s=60)
        scores = engine.score(REQUESTS)
    assert way in engine.notice
    for found, expected in zip(scores, local_scores(loaded, REQUESTS), strict=True):
        assert found == pytest.approx(expected, abs=tolerance)


def test_a_summary_goes_on_from_likes(loaded):
    block = ("liked Heat (1995): Action, Crime", "liked Casino (1995): Crime, Drama")
    with serve(loaded) as server:
        engine = RemoteEngine.connect(server.url, "tiny", embedding_model="words", timeout_s=60)
        [summary] = engine.summarise([SummaryRequest("", block, TASTE)])
    assert summary.startswith("Likes ")
    assert not summary.startswith("Likes Likes")
