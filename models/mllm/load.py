"""Load any image-text-to-text model of transformers: a local folder or a hub id.

Safetensors only and no remote code, so that weights are data and never a program.
"""

import json
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    AutoProcessor,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
    ProcessorMixin,
)

# Importing it makes the default model's architecture known to the auto classes.
import models.mllm.composite  # noqa: F401
from models.errors import ModelLoadError
from models.mllm.familiarity import Familiarity
from models.mllm.quiet import quiet
from models.mllm.trained import FAMILIAR

__all__ = [
    "EMBEDDER_FOLDER",
    "MANIFEST",
    "LoadedModel",
    "load",
    "weights_hash",
    "weights_name",
]

# Written by `default_model.assemble` beside the weights.
MANIFEST = "stream_app_model.json"
EMBEDDER_FOLDER = "embedder"


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to use, its processor, and what its outputs are signed with.

    `folder` is None for a model of the hub. `familiar` tells which pictures the model can be asked
    about, None where it was taught all kinds.
    """

    model: Any
    processor: ProcessorMixin
    name: str
    projector_trained: bool
    folder: Path | None
    familiar: Familiarity | None = None

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The processor's tokenizer."""
        return self.processor.tokenizer

    @property
    def device(self) -> torch.device:
        """Where inputs must lie."""
        return torch.device(self.model.device)


def load(model: str | Path, *, device: str = "auto", dtype: str = "auto") -> LoadedModel:
    """Load a model and its processor.

    Args:
        model: A folder, or an id of the hub such as "HuggingFaceTB/SmolVLM-256M-Instruct".
        device: A torch device; "auto" is cuda where there is one.
        dtype: A torch dtype's name; "auto" is bfloat16 on cuda and float32 elsewhere, because
            processors without bf16 instructions are several times slower with it.

    Raises:
        ModelLoadError: If it is missing, unsafe, or of an architecture that isn't supported.
    """
    folder = _folder(model)
    on = _device(device)
    precision = _dtype(dtype, on)
    try:
        with quiet():
            processor, weights = _pretrained(model, precision)
        weights = weights.to(on).eval()
    except torch.OutOfMemoryError as error:
        raise ModelLoadError(
            f"model {model} does not fit on {on} as {precision}: use a smaller model or device cpu"
        ) from error
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise ModelLoadError(
            f"model {model} can't be loaded: {error}; it must be an image-text-to-text model of "
            f"transformers with safetensors weights and without remote code"
        ) from error
    if not hasattr(processor, "tokenizer"):
        raise ModelLoadError(
            f"model {model} has no processor with a tokenizer, only {type(processor).__name__}; "
            f"choose an image-text-to-text model"
        )
    manifest = _manifest(folder)
    name = manifest.get("name") or _name(model, folder, weights.config)
    return LoadedModel(
        model=weights,
        processor=processor,
        # Another precision rounds otherwise, so its outputs carry another name.
        name=name if precision == torch.float32 else f"{name}:{str(precision).split('.')[-1]}",
        projector_trained=manifest.get("projector_trained", True),
        folder=folder,
        familiar=_familiar(folder),
    )


def weights_name(model: str | Path) -> str:
    """Return the name that a model loaded in float32 has, without loading it.

    Raises:
        ModelLoadError: If there is no such model.
    """
    folder = _folder(model)
    if folder is not None:
        return str(_manifest(folder).get("name") or _name(model, folder, PreTrainedConfig()))
    try:
        config = AutoConfig.from_pretrained(model, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"model {model} is not known: {error}; check MODEL_ID") from error
    return _name(model, folder, config)


def weights_hash(folder: Path) -> str:
    """Return eight hex digits that change with any weight in the folder."""
    digest = sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(file_digest(file, "sha256").digest())
    return digest.hexdigest()[:8]


def _pretrained(model: str | Path, precision: torch.dtype) -> tuple[ProcessorMixin, Any]:
    processor = AutoProcessor.from_pretrained(model, trust_remote_code=False)
    loaded: Any = AutoModelForImageTextToText.from_pretrained(
        model,
        output_loading_info=True,
        dtype=precision,
        trust_remote_code=False,
        use_safetensors=True,
    )
    weights, report = loaded
    if report["missing_keys"]:
        raise ValueError(f"weights are missing: {sorted(report['missing_keys'])[:3]}")
    return processor, weights


def _folder(model: str | Path) -> Path | None:
    path = Path(model)
    if path.is_dir():
        return path
    looks_local = isinstance(model, Path) or path.is_absolute() or str(model).startswith(".")
    if looks_local:
        raise ModelLoadError(
            f"no model in {path}: run `stream-app setup` for the default model, or set the model "
            f"to an existing folder or a hub id"
        )
    return None


def _device(device: str) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def _dtype(dtype: str, device: torch.device) -> torch.dtype:
    if dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    precision = getattr(torch, dtype, None)
    if not isinstance(precision, torch.dtype):
        raise ModelLoadError(f"dtype {dtype!r} is unknown: use auto, float32, bfloat16 or float16")
    return precision


def _familiar(folder: Path | None) -> Familiarity | None:
    path = folder / FAMILIAR if folder else None
    if path is None or not path.exists():
        return None
    try:
        return Familiarity.read(path)
    except (SafetensorError, KeyError) as error:
        raise ModelLoadError(
            f"{path} can't be read: {error}; delete the folder and run `stream-app setup`"
        ) from error


def _manifest(folder: Path | None) -> dict[str, Any]:
    path = folder / MANIFEST if folder else None
    if path is None or not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text()))
    except ValueError as error:
        raise ModelLoadError(
            f"{path} is no JSON: {error}; delete the folder and run `stream-app setup`"
        ) from error


def _name(model: str | Path, folder: Path | None, config: PreTrainedConfig) -> str:
    if folder is None:
        return f"{model}@{getattr(config, '_commit_hash', None) or 'unknown'}"
    return f"{folder.resolve().name}@{weights_hash(folder)}"
