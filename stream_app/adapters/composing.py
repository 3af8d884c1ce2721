"""Folders of adapters -> a folder with one that does what they do together."""

from collections.abc import Sequence
from pathlib import Path

from models.errors import AdapterError
from models.mllm.adapter_file import read_folder
from models.mllm.composition import compose
from models.mllm.load import load
from stream_app.config import Settings
from stream_app.engine import model_of

__all__ = ["compose_folders"]


def compose_folders(
    settings: Settings,
    folders: Sequence[Path],
    out: Path,
    *,
    weights: Sequence[float],
    method: str,
    density: float,
) -> None:
    """Compose on the model of the settings; takes the seconds that it needs to load.

    Raises:
        AdapterError: If `out` exists, or the adapters can't be composed in that way.
        ModelLoadError: If the model is missing.
    """
    if out.exists():
        raise AdapterError(f"{out} exists; name a folder that doesn't")
    parts = [read_folder(folder) for folder in folders]
    composed = compose(
        load(model_of(settings)),
        parts,
        weights or [1.0] * len(parts),
        method=method,
        density=density,
    )
    composed.write_folder(out)
