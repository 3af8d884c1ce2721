"""Which engine a process works with, from its settings."""

from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

from models.engine import Engine
from models.mllm.trained import trained_id
from models.weightless import WeightlessEngine
from stream_app.config import Settings

__all__ = ["assemble_default_model", "default_model_folder", "load_engine", "model_of"]


def assemble_default_model(settings: Settings, *, progress: Callable[[str], None]) -> None:
    """Assemble the default model below the home folder, once; an older one gives way to it.

    Raises:
        ModelLoadError: If the packages that its weights come in are missing.
    """
    folder = default_model_folder(settings.home)
    if folder.exists():
        return
    from models.mllm.default_model import assemble

    assemble(folder, progress=progress)
    for older in set(folder.parent.glob("default*")) - {folder}:
        progress(f"Removing the older {older.name}")
        rmtree(older)


def default_model_folder(home: Path) -> Path:
    """Return where the default model lies; other trained weights have another folder."""
    return home / "models" / f"default-{trained_id()}"


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


def model_of(settings: Settings) -> str | Path:
    """Return the folder or the hub id of the model that the settings name."""
    is_default = settings.model_id == "default"
    return default_model_folder(settings.home) if is_default else settings.model_id
