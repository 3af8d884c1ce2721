"""A LoRA adapter as one file: safetensors whose metadata say what the weights are for.

The tensors are those of peft's `adapter_model.safetensors`. Beside them stands one JSON object:
`config` (peft's `adapter_config.json`), `base` (the model's name) and `prompt` (the version of the
prompts).
Weights are data: nothing here unpickles, and a configuration that would change more than LoRA's
two matrices a layer is refused by the name of its field.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from peft import LoraConfig
from safetensors import SafetensorError, safe_open

from models.errors import AdapterError

__all__ = ["CONFIG_FILE", "ENTRY", "WEIGHTS_FILE", "Adapter", "read_folder"]

WEIGHTS_FILE = "adapter_model.safetensors"
CONFIG_FILE = "adapter_config.json"

# Fields of peft's configuration that say nothing about how the two matrices act, or that are read.
UNDERSTOOD = {
    "auto_mapping",
    "base_model_name_or_path",
    "exclude_modules",
    "inference_mode",
    "layers_pattern",
    "layers_to_transform",
    "lora_alpha",
    "lora_dropout",
    "peft_version",
    "r",
    "revision",
    "target_modules",
    "task_type",
    "use_rslora",
}
PLAIN: dict[str, Any] = LoraConfig().to_dict()

HEADER_LENGTH_BYTES = 8
# One entry, because the library writes several in any order: equal adapters are equal bytes.
ENTRY = "stream_app_adapter"


@dataclass(frozen=True)
class Adapter:
    """LoRA matrices by peft's names, and what they were trained with.

    `base` and `prompt` are None where the folder of another trainer doesn't tell.
    """

    tensors: dict[str, torch.Tensor]
    config: dict[str, Any]
    base: str | None = None
    prompt: str | None = None

    @property
    def rank(self) -> int:
        """Rank of the matrices."""
        return int(self.config["r"])

    @property
    def alpha(self) -> float:
        """What the product of the matrices is multiplied by, times the rank.

        Source: LoRA, arXiv 2106.09685, section 4.1; with `use_rslora` arXiv 2312.03732.
        """
        alpha = float(self.config["lora_alpha"])
        return alpha * self.rank**0.5 if self.config.get("use_rslora") else alpha

    def to_bytes(self) -> bytes:
        """Return the file; `from_bytes` gives the same adapter again."""
        about = {"config": self.config, "base": self.base, "prompt": self.prompt}
        return safetensors.torch.save(self.tensors, {ENTRY: json.dumps(about, sort_keys=True)})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Adapter":
        """Read the file.

        Raises:
            AdapterError: If it is no safetensors, or its configuration is more than plain LoRA.
        """
        try:
            tensors = safetensors.torch.load(data)
            about = json.loads(_metadata(data)[ENTRY])
            config = dict(about["config"])
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise AdapterError(
                f"{len(data)} bytes are no adapter: {error}; "
                f"release it with `stream-app adapters release`"
            ) from error
        _require_plain(config)
        return cls(tensors, config, about.get("base"), about.get("prompt"))

    def write_folder(self, folder: Path) -> None:
        """Write the two files that peft reads; the folder is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / WEIGHTS_FILE).write_bytes(self.to_bytes())
        (folder / CONFIG_FILE).write_text(json.dumps(self.config, indent=2, sort_keys=True) + "\n")


def read_folder(folder: Path) -> Adapter:
    """Read an adapter as peft's `save_pretrained` or `Adapter.write_folder` leaves it.

    Raises:
        AdapterError: If a file is missing or unsafe, or the adapter is more than plain LoRA.
    """
    for name in (WEIGHTS_FILE, CONFIG_FILE):
        if not (folder / name).is_file():
            raise AdapterError(
                f"no {name} in {folder}: give a folder by peft's save_pretrained with safetensors"
            )
    try:
        tensors = safetensors.torch.load_file(folder / WEIGHTS_FILE)
        with safe_open(folder / WEIGHTS_FILE, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get(ENTRY, "{}"))
        # Where it was trained is nobody's business, and nowhere else is there such a path.
        config = json.loads((folder / CONFIG_FILE).read_text()) | {"base_model_name_or_path": None}
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        raise AdapterError(f"{folder} is no adapter: {error}; save it by peft again") from error
    _require_plain(config)
    return Adapter(tensors, config, about.get("base"), about.get("prompt"))


def _metadata(data: bytes) -> dict[str, str]:
    # The library reads metadata from files only. `load` has checked the layout before.
    end = HEADER_LENGTH_BYTES + int.from_bytes(data[:HEADER_LENGTH_BYTES], "little")
    return dict(json.loads(data[HEADER_LENGTH_BYTES:end])["__metadata__"])


def _require_plain(config: Mapping[str, Any]) -> None:
    if config.get("peft_type") != PLAIN["peft_type"]:
        raise AdapterError(f"adapter of type {config.get('peft_type')}, only LORA is supported")
    unknown = [
        field
        for field, value in config.items()
        if field not in UNDERSTOOD and value and value != PLAIN.get(field)
    ]
    if unknown:
        raise AdapterError(
            f"adapter with {unknown[0]}={config[unknown[0]]!r}: only plain LoRA is supported; "
            f"train it without that"
        )
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or not isinstance(alpha, int | float) or rank < 1:
        raise AdapterError(f"adapter with r={rank!r} and lora_alpha={alpha!r}, numbers needed")
