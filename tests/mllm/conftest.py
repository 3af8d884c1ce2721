"""Tiny models with random weights, and the default model where it has been assembled."""

import os
from io import BytesIO
from pathlib import Path

import pytest
from mllm.tiny_models import llava_llama, processor, qwen2_vl, smolvlm, tokenizer
from PIL import Image

from models.mllm.engine import MllmEngine
from models.mllm.load import LoadedModel
from stream_app.engine import default_model_folder

HOME = Path(os.environ.get("STREAM_APP_HOME", Path.cwd() / ".stream-app"))
DEFAULT_MODEL = default_model_folder(HOME)

BUILDERS = {"llava": llava_llama, "qwen2_vl": qwen2_vl, "smolvlm": smolvlm}


def tiny_model(family: str) -> LoadedModel:
    words = tokenizer()
    model = BUILDERS[family](words)
    return LoadedModel(
        model, processor(words), f"tiny-{family}", projector_trained=True, folder=None
    )


@pytest.fixture(params=list(BUILDERS))
def tiny(request: pytest.FixtureRequest) -> LoadedModel:
    """A model of two layers, of each family in turn."""
    return tiny_model(request.param)


@pytest.fixture
def tiny_llava() -> LoadedModel:
    """The family whose processor for pictures is here too."""
    return tiny_model("llava")


@pytest.fixture(scope="session")
def default_model() -> Path:
    """The default model's folder."""
    if not DEFAULT_MODEL.is_dir():
        pytest.fail(f"no model in {DEFAULT_MODEL}: run `stream-app setup` or set STREAM_APP_HOME")
    return DEFAULT_MODEL


@pytest.fixture(scope="session")
def engine(default_model: Path) -> MllmEngine:
    """The default model as an engine."""
    return MllmEngine.load(default_model)


def jpeg(colour: str) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def red() -> bytes:
    """A red picture."""
    return jpeg("red")


@pytest.fixture
def blue() -> bytes:
    """A blue picture."""
    return jpeg("blue")
