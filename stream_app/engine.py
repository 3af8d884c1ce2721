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
    """Load the engine; takes seconds with weights.

    Raises:
        ModelLoadError: If the model is missing or can't be used; the message says what to do.
    """
    if settings.engine == "weightless":
        return WeightlessEngine()
    if settings.engine == "openai":
        return _remote(settings)
    # Imports torch: only processes that run the model pay its seconds and memory.
    from models.mllm.engine import MllmEngine

    is_default = settings.model_id == "default"
    return MllmEngine.load(_default_model(settings) if is_default else settings.model_id)


def _remote(settings: Settings) -> Engine:
    # The client takes a second to import: only processes that ask it pay.
    from models.remote.engine import RemoteEngine

    return RemoteEngine.connect(
        settings.openai_base_url,
        settings.model_id,
        api_key=settings.openai_api_key.get_secret_value(),
        timeout_s=settings.openai_timeout_s,
        concurrency=settings.openai_concurrency,
        embedding_model=settings.openai_embedding_model,
    )


def _default_model(settings: Settings) -> Path:
    return settings.home / "models" / "default"
