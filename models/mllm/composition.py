"""Several adapters -> one, by the methods of peft's `add_weighted_adapter`."""

from collections.abc import Sequence

import torch

from models.adapters import COMPOSITION_DENSITY, require_fit
from models.errors import AdapterError
from models.mllm.adapter_file import Adapter
from models.mllm.adapters import Adapters
from models.mllm.load import LoadedModel
from models.mllm.prompts import PROMPT_VERSION
from schemas.versions import Versions

__all__ = ["compose"]

# `dare` drops values by chance; the same parts shall give the same adapter.
SEED = 20_240_819


def compose(
    loaded: LoadedModel,
    parts: Sequence[Adapter],
    weights: Sequence[float],
    *,
    method: str = "cat",
    density: float = COMPOSITION_DENSITY,
) -> Adapter:
    """Return one adapter that does what its parts do, each as much as its weight says.

    Args:
        loaded: The model that the parts were trained on, without adapters; it stays as it is.
        parts: At least two.
        weights: One for each part; 1 is as trained.
        method: One of `models.adapters.COMPOSITION_METHODS`.
        density: The part of values that `ties` and `dare` keep, in `(0, 1]`.

    Raises:
        AdapterError: If a part is for another model, or the method can't combine them.

    Source:
        peft's `LoraModel.add_weighted_adapter`; ties: arXiv 2306.01708, dare: arXiv 2311.03099.
    """
    if len(parts) < 2 or len(weights) != len(parts):
        raise AdapterError(
            f"{len(parts)} adapters and {len(weights)} weights: give two or more, and as many"
        )
    versions = Versions(model=loaded.name, prompt=PROMPT_VERSION)
    for part in parts:
        require_fit(versions, base=part.base, prompt=part.prompt)
    tensors = _combined(Adapters(loaded.model), parts, weights, method, density)
    rank = min(next(iter(tensors.values())).shape)
    config = parts[0].config | {
        "r": rank,
        # The scaling of the parts is in the values already.
        "lora_alpha": rank,
        "use_rslora": False,
        "target_modules": sorted({name.split(".")[-3] for name in tensors}),
    }
    return Adapter(tensors, config, base=loaded.name, prompt=PROMPT_VERSION)


def _combined(
    adapters: Adapters,
    parts: Sequence[Adapter],
    weights: Sequence[float],
    method: str,
    density: float,
) -> dict[str, torch.Tensor]:
    names = [f"part{number}" for number in range(len(parts))]
    try:
        for name, part in zip(names, parts, strict=True):
            adapters.load(name, part)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            return adapters.combine(names, weights, method, density)
    finally:
        adapters.clear()
