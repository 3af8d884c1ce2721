"""Which engine a process works with, from its settings."""

from collections.abc import Callable
from pathlib import Path

from models.engine import Engine
from models.weightless import WeightlessEngine
from schemas.versions import Versions
from stream_app.config import Settings

__all__ = ["assemble_default_model", "engine_versions", "load_engine", "model_of"]


def assemble_default_model(settings: Settings, *, progress: Callable[[str], None]) -> None:
    """Assemble the default model below the home folder, once.

    Raises:
        ModelLoadError: If the packages that its weights come in are missing.
    """
    if not _default_model(settings).exists():
        from models.mllm.default_model import assemble

        assemble(_default_model(settings), progress=progress)


def load_engine(settings: Settings) -> Engine:
    """Load the engine; takes seconds with weights.

    Raises:
        ModelLoadError: If the model is missing or can't be used; the message says what to do.
    """
    if settings.engine == "weightless":
        return WeightlessEngine()
    # Imports torch: only processes that run the model pay its seconds and memory.
    from models.mllm.engine import MllmEngine

    return MllmEngine.load(model_of(settings))


def engine_versions(settings: Settings) -> Versions:
    """Return what the engine would sign its outputs with, without loading its weights.

    Raises:
        ModelLoadError: If the model is missing.
    """
    if settings.engine == "weightless":
        return WeightlessEngine.versions
    from models.mllm.load import weights_name
    from models.mllm.prompts import PROMPT_VERSION

    return Versions(model=weights_name(model_of(settings)), prompt=PROMPT_VERSION)


def model_of(settings: Settings) -> str | Path:
    """Return the folder or the hub id of the model that the settings name."""
    is_default = settings.model_id == "default"
    return _default_model(settings) if is_default else settings.model_id


def _default_model(settings: Settings) -> Path:
    return settings.home / "models" / "default"
