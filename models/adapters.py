"""How adapters can be composed, and whether one fits a model: all that needs no weights."""

from models.errors import AdapterError
from schemas.versions import Versions

__all__ = ["COMPOSITION_DENSITY", "COMPOSITION_METHODS", "require_fit"]

# Named as in peft. `cat` is the exact sum, at the sum of the ranks; `svd` the nearest to it at the
# largest rank. The others work on each of LoRA's two matrices alone, which is rougher: of two small
# tasks `linear` kept both, `ties` and `dare_ties` one of them in parts only.
COMPOSITION_METHODS = ("cat", "svd", "linear", "ties", "dare_linear", "dare_ties")
COMPOSITION_DENSITY = 0.8


def require_fit(versions: Versions, *, base: str | None, prompt: str | None) -> None:
    """Check by which model and prompts an adapter was trained; None is not known and passes.

    The precision that the model is loaded in ("@1a2b3c4d:bfloat16") may differ.

    Raises:
        AdapterError: If this engine has others.
    """
    if base is not None and _weights(base) != _weights(versions.model):
        raise AdapterError(
            f"the adapter is for model {base}, this one is {versions.model}; train it anew for it"
        )
    if prompt is not None and prompt != versions.prompt:
        raise AdapterError(
            f"the adapter is for prompts {prompt}, these are {versions.prompt}; train it anew"
        )


def _weights(model: str) -> str:
    name, at, version = model.rpartition("@")
    return name + at + version.partition(":")[0]
