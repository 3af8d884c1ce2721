import numpy as np
import pytest
from PIL import Image

from models.mllm.embedder import Embedder


def picture(colour: str, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A picture with something in it, for one colour alone looks alike to a random tower."""
    drawn = Image.linear_gradient("L").resize(size).convert("RGB")
    return Image.blend(drawn, Image.new("RGB", size, colour), 0.5)


PICTURES = [picture("red"), None, picture("blue", (90, 40)), picture("green"), picture("red")]


@pytest.fixture
def embedder(tiny_llava) -> Embedder:
    return Embedder(tiny_llava)


def test_pictures_alone_and_together_are_the_same(embedder):
    texts = ["a hat"] * len(PICTURES)
    together = embedder.embed(texts, PICTURES)
    alone = [embedder.embed(["a hat"], [one])[0] for one in PICTURES]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert np.abs(together[0] - together[3]).max() > 1e-3


def test_pictures_that_are_cut_up_alike_go_together(embedder, monkeypatch):
    batches = []
    see_alike = embedder._features
    monkeypatch.setattr(
        embedder, "_features", lambda inputs: batches.append(len(inputs)) or see_alike(inputs)
    )
    embedder.embed(["a hat"] * len(PICTURES), PICTURES)
    assert batches == [4]
