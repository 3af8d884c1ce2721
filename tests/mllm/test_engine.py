from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from models.engine import Embeddable, ItemContent, ScoreRequest, SummaryRequest, Taste
from models.errors import CapacityError, EngineError, EngineLostError, InputError
from models.mllm import engine as engine_module
from models.mllm.engine import MllmEngine
from models.mllm.load import load
from models.mllm.prompts import ATTRIBUTES
from models.mllm.warm_up import WARM_UP_SCORE, WARM_UP_SUMMARY
from stream_app.default_model.pictures import drawn_garments
from stream_app.demo.garments import Garment, draw

pytestmark = pytest.mark.model

ITEMS = [
    ItemContent("Alder Street hoodie", "Heavy brushed cotton, relaxed cut.", ("hoodie",)),
    ItemContent("Heat (1995)", "", ("Action", "Crime", "Thriller")),
]
TASTE = Taste(("category=Crime", "category=Action"), ("category=Animation",))
REQUESTS = [
    ScoreRequest(
        "Likes crime films.",
        ("liked Heat (1995): Action, Crime",),
        TASTE,
        ("Casino (1995): Crime", "Dumbo (1941): Animation, Children", "Seven (1995): Crime"),
    ),
    ScoreRequest("", (), Taste(), ("Alder Street hoodie: blue",)),
    ScoreRequest("", (), Taste(), ()),
]


def test_the_model_says_what_it_is(engine):
    assert engine.versions.model.startswith("smollm2-135m+efflite0@")
    assert engine.embedding_dim == 384 + 1280


def test_a_saved_model_is_the_same_model(default_model, tmp_path):
    first = load(default_model)
    first.model.save_pretrained(tmp_path)
    first.processor.save_pretrained(tmp_path)
    second = load(tmp_path)
    ids = torch.arange(40).unsqueeze(0)
    with torch.inference_mode():
        difference = (first.model(input_ids=ids).logits - second.model(input_ids=ids).logits).abs()
    assert difference.max().item() == 0.0


def test_without_a_picture_the_shops_own_words_stand(engine):
    hoodie, heat = engine.profile(ITEMS)
    assert hoodie.summary == "Alder Street hoodie: Heavy brushed cotton, relaxed cut."
    assert heat.summary == "Heat (1995): Action, Crime, Thriller"
    assert hoodie.degraded is None


@pytest.fixture(scope="module")
def unseen() -> list[tuple[Garment, bytes]]:
    """Garments that the model never met, drawn."""
    return [(garment, draw(garment)) for garment in drawn_garments()[1][:6]]


def test_it_names_what_a_picture_shows(engine, unseen):
    readings = engine.profile([ItemContent("Item", jpeg=jpeg) for _, jpeg in unseen])
    named = [
        reading.attributes.get(name) == getattr(garment, name)
        for reading, (garment, _) in zip(readings, unseen, strict=True)
        for name in ATTRIBUTES
    ]
    assert sum(named) >= 20, readings
    assert all(reading.degraded is None for reading in readings)


def test_what_the_shop_says_already_is_no_news_and_wins(engine, unseen):
    garment, jpeg = unseen[0]
    told = ItemContent("Item", "Soft.", (garment.kind,), {"colour": "heather"}, jpeg)
    [reading] = engine.profile([told])
    assert "kind" not in reading.attributes
    assert reading.attributes["colour"] == "heather"
    assert reading.summary.endswith("Soft.")


def test_a_picture_unlike_all_that_was_taught_is_not_asked_about(engine, red):
    [reading] = engine.profile([ItemContent("Red hat", jpeg=red)])
    assert "unlike" in reading.degraded
    assert reading.summary == "Red hat"
    assert reading.attributes == {}


def test_an_untrained_projector_says_so(engine, unseen, monkeypatch):
    monkeypatch.setattr(engine, "_loaded", replace(engine._loaded, projector_trained=False))
    [reading] = engine.profile([ItemContent("Red hat", jpeg=unseen[0][1])])
    assert "untrained" in reading.degraded
    assert "untrained" in engine.notice
    assert reading.summary == "Red hat"


def test_one_bad_picture_costs_one_row(engine, unseen):
    bad, good = engine.profile(
        [ItemContent("Red hat", jpeg=b"no picture"), ItemContent("Item", jpeg=unseen[0][1])]
    )
    assert bad.degraded == "picture of 10 bytes is no whole JPEG"
    assert "hat" in bad.summary.lower()
    assert good.degraded is None
    assert good.attributes


def test_a_profile_does_not_depend_on_its_batch(engine, unseen, red):
    items = [
        *ITEMS,
        ItemContent("Red hat", jpeg=red),
        *(
            ItemContent("A longer title " * number, jpeg=one[1])
            for number, one in enumerate(unseen, 1)
        ),
    ]
    assert engine.profile(items) == [engine.profile([item])[0] for item in items]


def test_a_summary_begins_with_likes(engine):
    block = ("liked Heat (1995): Action, Crime", "liked Casino (1995): Crime, Drama")
    [summary] = engine.summarise([SummaryRequest("", block, TASTE)])
    assert summary.startswith("Likes ")
    assert len(summary) <= 240


def test_scores_are_shares_and_do_not_depend_on_the_batch(engine):
    scores = engine.score(REQUESTS)
    assert [len(of_user) for of_user in scores] == [3, 1, 0]
    assert all(0.0 <= score <= 1.0 for of_user in scores for score in of_user)
    assert len(set(scores[0])) == 3
    for request, of_user in zip(REQUESTS, scores, strict=True):
        assert engine.score([request])[0] == pytest.approx(of_user, abs=1e-4)


def test_scores_do_not_depend_on_the_other_candidates(engine):
    [scores] = engine.score(REQUESTS[:1])
    for candidate, score in zip(REQUESTS[0].candidates, scores, strict=True):
        alone = ScoreRequest(
            REQUESTS[0].summary, REQUESTS[0].recent, REQUESTS[0].taste, (candidate,)
        )
        assert engine.score([alone]) == [[pytest.approx(score, abs=1e-4)]]


def test_embeddings_are_unit_rows_of_text_and_picture(engine, red, blue):
    rows = engine.embed(
        [
            Embeddable("a red hat", red),
            Embeddable("a red hat", blue),
            Embeddable("a red hat"),
            Embeddable("an action film"),
            Embeddable("a red hat", b"no picture"),
        ]
    )
    assert rows.shape == (5, engine.embedding_dim)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    cosines = rows @ rows[2]
    assert cosines[0] == pytest.approx(0.5**0.5, abs=1e-4)
    assert rows[0] @ rows[1] < 0.99
    assert cosines[3] < 0.5
    np.testing.assert_array_equal(rows[4], rows[2])


def test_an_embedding_does_not_depend_on_its_batch(engine, red, blue):
    wide = BytesIO()
    Image.linear_gradient("L").resize((90, 40)).convert("RGB").save(wide, "JPEG")
    inputs = [Embeddable("a hat", one) for one in (red, None, wide.getvalue(), blue, red)]
    alone = np.concatenate([engine.embed([one]) for one in inputs])
    np.testing.assert_allclose(engine.embed(inputs), alone, atol=1e-5)


def test_warm_up_asks_the_model_for_one_of_each(engine):
    engine.warm_up()
    assert 0.01 < engine.label_mass <= 1.0


def test_tokens_are_counted_of_scores_and_of_what_is_written(engine):
    counts = [engine.num_tokens]
    for call, request in (
        (engine.score, WARM_UP_SCORE),
        (engine.summarise, WARM_UP_SUMMARY),
        (engine.embed, Embeddable("a hat")),
    ):
        call([request])
        counts.append(engine.num_tokens)
    scored, written, embedded = np.diff(counts)
    # Sixteen candidates behind one prompt, which is counted once.
    assert 16 * 10 < scored < 2000
    assert 20 < written < scored
    assert embedded == 0


def test_nothing_in_nothing_out(engine):
    assert engine.profile([]) == []
    assert engine.summarise([]) == []
    assert engine.score([]) == []
    assert engine.embed([]).shape == (0, engine.embedding_dim)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (torch.OutOfMemoryError("no room"), CapacityError),
        (torch.AcceleratorError("device-side assert"), EngineLostError),
        (RuntimeError("kernel failed"), EngineError),
        (ValueError("shapes differ"), EngineError),
        (InputError("too long"), InputError),
    ],
)
def test_what_torch_raises_is_translated(engine: MllmEngine, monkeypatch, raised, expected):
    def fails(*_args, **_options):
        raise raised

    monkeypatch.setattr(engine_module, "generate", fails)
    with pytest.raises(expected, match=str(raised)):
        engine.profile(ITEMS)
