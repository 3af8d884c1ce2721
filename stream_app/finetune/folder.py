"""The folder of an adapter: peft's two files, a model card, metrics, and how it was trained."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from models.mllm.adapter_file import CONFIG_FILE, ENTRY, WEIGHTS_FILE, Adapter
from schemas.versions import Versions
from stream_app.finetune.errors import FinetuneError

__all__ = ["finished_training", "require_own", "write_folder"]

CARD = "README.md"
METRICS = "metrics.json"
TRAINING = "training.json"


def require_own(out: Path, versions: Versions) -> None:
    """Refuse a folder whose adapter is for another model: it would be lost.

    Raises:
        FinetuneError: If so; or if the adapter there doesn't say for which model it is.
    """
    weights = out / WEIGHTS_FILE
    if not weights.exists():
        return
    try:
        with safe_open(weights, framework="pt") as file:
            base = json.loads((file.metadata() or {}).get(ENTRY, "{}")).get("base")
    except (OSError, SafetensorError, ValueError) as error:
        raise FinetuneError(f"{weights} can't be read: {error}; name another --out") from error
    if base != versions.model:
        raise FinetuneError(
            f"{out} has an adapter for {base or 'a model that it does not name'}, this model is "
            f"{versions.model}; name another --out, or set MODEL_ID to that model"
        )


def finished_training(out: Path, run: str) -> dict[str, float] | None:
    """Return the metrics of the adapter in a folder if it comes from this very training."""
    try:
        training = json.loads((out / TRAINING).read_text())
        metrics = json.loads((out / METRICS).read_text())
    except (OSError, ValueError):
        return None
    is_whole = (out / WEIGHTS_FILE).exists() and (out / CONFIG_FILE).exists()
    return dict(metrics) if is_whole and training.get("run") == run else None


def write_folder(
    out: Path,
    trained: Path,
    versions: Versions,
    card: str,
    metrics: dict[str, float],
    training: dict[str, Any],
) -> None:
    """Write all files; what says that the training is finished comes last."""
    out.mkdir(parents=True, exist_ok=True)
    (out / TRAINING).unlink(missing_ok=True)
    # Where it was trained is nobody's business, and nowhere else is there such a path.
    config = _read(trained / CONFIG_FILE) | {"base_model_name_or_path": None}
    tensors = load_file(trained / WEIGHTS_FILE)
    Adapter(tensors, config, base=versions.model, prompt=versions.prompt).write_folder(out)
    (out / CARD).write_text(card)
    _write(out / METRICS, metrics)
    _write(out / TRAINING, training)


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
