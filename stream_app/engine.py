"""Which engine a process works with, from its settings."""

from pathlib import Path

from models.engine import Engine
from models.weightless import WeightlessEngine
from stream_app.config import Settings

__all__ = ["default_model_dir", "load_engine"]


def default_model_dir(settings: Settings) -> Path:
    """Where `stream-app setup` puts the default model."""
    return settings.home / "models" / "default"


def load_engine(settings: Settings) -> Engine:
    """Load the engine; takes seconds with weights.

    Raises:
        ModelLoadError: If the model is missing or can't be used; the message says what to do.
    """
    if settings.engine == "weightless":
        return WeightlessEngine()
    # Imports torch: only processes that run the model pay its seconds and memory.
    from models.mllm.engine import MllmEngine

    is_default = settings.model_id == "default"
    return MllmEngine.load(default_model_dir(settings) if is_default else settings.model_id)
