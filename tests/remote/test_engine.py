import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from aiohttp import web
from PIL import Image
from remote.conftest import REQUESTS
from remote.model_server import ModelServer

from models.engine import Embeddable, ItemContent, SummaryRequest, Taste
from models.errors import EngineError, ModelLoadError
from models.mllm.generate import Question, generate
from models.mllm.prompts import MAX_READING_TOKENS, Plain, reading_prompt
from models.remote import chat
from models.remote.engine import RemoteEngine
from models.step import StepInput, StepOptions, step
from records import interaction, source
from stream_app.config import read_settings
from stream_app.engine import load_engine
from world import catalogue, profiles

TASTE = Taste(("category=Crime", "colour=blue"))


@pytest.fixture
def engine(server: ModelServer) -> RemoteEngine:
    return RemoteEngine.connect(server.url, "tiny", embedding_model="words")


def jpeg(colour: str) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def says(content: object):
    """A fault: the chat answers this."""

    async def fault(request: web.Request) -> web.Response | None:
        if not request.path.endswith("/chat/completions"):
            return None
        return web.json_response({"choices": [{"message": {"content": content}}]})

    return fault


def test_the_model_says_what_it_is(engine):
    assert engine.versions.model == "tiny+words@org/tiny"
    assert engine.embedding_dim == 64


def test_it_needs_no_torch():
    program = (
        "import sys; sys.modules |= dict.fromkeys(['torch', 'transformers']); "
        "import models.remote.engine"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_model_that_is_not_served_is_refused_with_those_that_are(server):
    with pytest.raises(ModelLoadError, match="serves no model other, but: tiny, words; set MODEL"):
        RemoteEngine.connect(server.url, "other")


def test_an_embedding_model_that_is_not_served_is_refused(server):
    server.offers = frozenset({"logprobs"})
    with pytest.raises(ModelLoadError, match=r"nothing of .* can't embed"):
        RemoteEngine.connect(server.url, "tiny", embedding_model="nothing")


def test_a_picture_is_seen_as_by_the_model_in_process(server, engine, answering):
    item = ItemContent("a hat", jpeg=jpeg("blue"))
    engine.profile([item])
    asked = server.bodies[-1]
    prompt = reading_prompt(item, Plain(()))
    [here] = generate(
        answering, [Question(prompt, Image.open(BytesIO(item.jpeg)))], max_new_tokens=8
    )
    there = engine._chat.write(chat.Question(prompt, item.jpeg), max_tokens=8)
    assert there == here.text
    assert asked["max_tokens"] == MAX_READING_TOKENS
    assert asked["temperature"] == 0


def test_what_was_seen_is_shown_and_no_more_than_a_sentence(server, engine):
    seen = "Colour: dark blue\nPattern: none\nA dark blue hat of felt. And on it goes "
    server.fault = says(seen + "for ever " * 10_000)
    [reading] = engine.profile([ItemContent("Hat", jpeg=jpeg("blue"))])
    assert reading.summary == "A dark blue hat of felt."
    assert reading.attributes == {"colour": "dark blue"}
    assert reading.degraded is None


@pytest.mark.parametrize("content", ["", None, "x"])
def test_an_answer_with_nothing_to_show_leaves_the_shops_words(server, engine, content):
    server.fault = says(content)
    item = ItemContent("Hat", "Warm.", jpeg=jpeg("blue"))
    assert engine.profile([item])[0].summary == "Hat: Warm."


def test_items_without_a_picture_are_not_asked_about(server, engine):
    server.asked.clear()
    bare, broken = engine.profile([ItemContent("Hat"), ItemContent("Coat", jpeg=b"no picture")])
    assert (bare.summary, bare.degraded) == ("Hat", None)
    assert (broken.summary, broken.degraded) == ("Coat", "picture of 10 bytes is no whole JPEG")
    assert server.asked == []


def test_a_picture_that_the_model_does_not_take_costs_the_picture(server, engine):
    async def refuse(_request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "not multimodal"}}, status=400)

    server.fault = refuse
    [reading] = engine.profile([ItemContent("Hat", jpeg=jpeg("red"))])
    assert reading.summary == "Hat"
    assert "not multimodal" in reading.degraded


@pytest.mark.parametrize(
    "content", [" crime films and blue things.", "Likes crime films and blue things."]
)
def test_a_summary_begins_with_likes_whether_or_not_the_server_goes_on(server, engine, content):
    server.fault = says(content)
    block = ("liked Heat: a crime film", "liked a blue thing")
    [summary] = engine.summarise([SummaryRequest("", block, TASTE)])
    assert summary == "Likes crime films and blue things."


def test_a_summary_that_is_made_up_gives_way_to_what_was_counted(server, engine):
    server.fault = says(" castles of the Royal Navy.")
    [summary] = engine.summarise([SummaryRequest("", ("liked Heat",), TASTE)])
    assert summary == "Likes Crime, colour blue."


def test_embeddings_are_unit_rows_in_order(engine):
    rows = engine.embed([Embeddable("a red hat"), Embeddable(" "), Embeddable("a red hat", b"x")])
    assert rows.shape == (3, 64)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(rows[0], rows[2])
    assert rows[0] @ rows[1] < 0.5


@pytest.mark.parametrize(
    ("data", "says_what"),
    [
        ([{"index": 0, "embedding": [1.0]}], "embeddings of {1} numbers, before it were 64"),
        ([{"index": 0, "embedding": [0.0] * 64}], "has no direction"),
        ([{"index": 5, "embedding": [1.0] * 64}], "1 embeddings for 1 texts"),
    ],
)
def test_embeddings_of_another_kind_are_an_error(server, engine, data, says_what):
    async def fault(_request: web.Request) -> web.Response:
        return web.json_response({"data": data})

    server.fault = fault
    with pytest.raises(EngineError) as caught:
        engine.embed([Embeddable("x")])
    assert says_what in str(caught.value)


def test_nothing_in_nothing_out(server, engine):
    server.asked.clear()
    assert engine.profile([]) == []
    assert engine.summarise([]) == []
    assert engine.score([]) == []
    assert engine.score(REQUESTS[1:2]) == [[]]
    assert engine.embed([]).shape == (0, 64)
    assert server.asked == []


async def test_when_the_server_goes_down_a_step_ranks_by_the_prior_and_says_so(server, engine):
    async def down(_request: web.Request) -> web.Response:
        return web.Response(status=503)

    server.fault = down
    server.asked.clear()
    read = profiles(40)
    inputs = [
        StepInput(None, interaction(n, user=f"u{n}", item=read[n].item_id), source(n), read[n])
        for n in range(8)
    ]
    results = step(engine, catalogue(40), inputs, StepOptions(5))
    for one in results:
        assert "ranked without model" in one.ranking.degraded[-1]
        assert len(one.ranking.candidates) == 5
    # One try and its retry for the calls that were under way; nobody behind them waits.
    assert len(server.asked) <= 2 * 16


def test_the_settings_choose_it(server, monkeypatch):
    for name, value in {
        "STREAM_APP_ENGINE": "openai",
        "OPENAI_BASE_URL": server.url,
        "OPENAI_API_KEY": "hush",
        "MODEL_ID": "tiny",
        "STREAM_APP_OPENAI_EMBEDDING_MODEL": "words",
    }.items():
        monkeypatch.setenv(name, value)
    settings = read_settings()
    assert "hush" not in repr(settings)
    assert isinstance(load_engine(settings), RemoteEngine)


@pytest.mark.model
def test_without_an_embedding_model_texts_are_embedded_in_process(server):
    engine = RemoteEngine.connect(server.url, "tiny")
    assert engine.versions.model == "tiny+all-MiniLM-L6-v2@org/tiny"
    rows = engine.embed([Embeddable("a red hat"), Embeddable("a red cap"), Embeddable("thrillers")])
    assert rows.shape == (3, engine.embedding_dim) == (3, 384)
    assert rows[0] @ rows[1] > rows[0] @ rows[2]
    assert engine.embed([]).shape == (0, 384)
