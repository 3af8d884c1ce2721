"""Which engine a process works with, from its settings."""

from collections.abc import Callable
from pathlib import Path

from models.engine import Engine
from models.weightless import WeightlessEngine
from stream_app.config import Settings

__all__ = ["assemble_default_model", "load_engine"]


def assemble_default_model(settings: Settings, *, progress: Callable[[str], None]) -> None:
    """Assemble the default model below the home folder, once.

    Raises:
        ModelLoadError: If the packages that its weights come in are missing.
    """
    if not _default_model(settings).exists():
        from models.mllm.default_model import assemble

        assemble(_default_model(settings), progress=progress)


def load_engine(settings: Settings) -> Engine:
    """Load the engine and warm it up; takes seconds with weights.

    Raises:
        ModelLoadError: If the model is missing or can't be used; the message says what to do.
        EngineError: If it fails at a request of ordinary size, for want of memory say.
    """
    if settings.engine == "weightless":
        return WeightlessEngine()
    # Imports torch: only processes that run the model pay its seconds and memory.
    from models.mllm.engine import MllmEngine

    is_default = settings.model_id == "default"
    engine = MllmEngine.load(_default_model(settings) if is_default else settings.model_id)
    engine.warm_up()
    return engine


def _default_model(settings: Settings) -> Path:
    return settings.home / "models" / "default"
