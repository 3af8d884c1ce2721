"""Which engine a process works with, from its settings."""

import re
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

from models.engine import Engine
from models.errors import ModelLoadError
from models.mllm.trained import trained_id
from models.weightless import WeightlessEngine
from schemas.versions import Versions
from stream_app.config import Settings

__all__ = [
    "assemble_default_model",
    "default_model_folder",
    "engine_versions",
    "load_engine",
    "model_of",
]


OWN_FOLDER = re.compile(r"default(-untrained|-[0-9a-f]{8})?")


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
    for older in folder.parent.iterdir():
        if OWN_FOLDER.fullmatch(older.name) and older != folder and not older.is_symlink():
            progress(f"Removing the older {older.name}")
            rmtree(older)


def default_model_folder(home: Path) -> Path:
    """Return where the default model lies; other trained weights have another folder."""
    return home / "models" / f"default-{trained_id()}"


def load_engine(settings: Settings) -> Engine:
    """Load the engine and warm it up; takes seconds with weights.

    Raises:
        ModelLoadError: If the model is missing or can't be used; the message says what to do.
        EngineError: If it fails at a request of ordinary size, for want of memory say.
    """
    if settings.engine == "weightless":
        return WeightlessEngine()
    if settings.engine == "openai":
        return _remote(settings)
    # Imports torch: only processes that run the model pay its seconds and memory.
    from models.mllm.engine import MllmEngine

    engine = MllmEngine.load(model_of(settings))
    engine.warm_up()
    return engine


def engine_versions(settings: Settings) -> Versions:
    """Return what the engine would sign its outputs with, without loading its weights.

    Raises:
        ModelLoadError: If the model is missing, or on a server: that takes no adapters of ours.
    """
    if settings.engine == "weightless":
        return WeightlessEngine.versions
    if settings.engine == "openai":
        raise ModelLoadError("STREAM_APP_ENGINE=openai takes no adapters; set it to mllm")
    from models.mllm.load import weights_name
    from models.mllm.prompts import PROMPT_VERSION

    return Versions(model=weights_name(model_of(settings)), prompt=PROMPT_VERSION)


def model_of(settings: Settings) -> str | Path:
    """Return the folder or the hub id of the model that the settings name."""
    is_default = settings.model_id == "default"
    return default_model_folder(settings.home) if is_default else settings.model_id


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
