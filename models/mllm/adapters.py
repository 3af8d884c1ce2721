"""Adapters in the running model: loaded beside each other, one active at a time or none.

peft puts its layers into the model in place, so whoever holds the model (`Scorer`, `generate`)
sees the active adapter without knowing of it. While none is active, a layer is its base layer:
outputs are equal bit for bit to those before any was loaded.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import torch
from peft import LoraConfig, PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from torch import nn

from models.errors import AdapterError
from models.mllm.adapter_file import Adapter

__all__ = ["Adapters"]

TENSOR = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
PART_OF_PEFT = re.compile(r"\.(base_layer|lora_\w+)(\.|$)")


class Adaptable(Protocol):
    """A request that names its adapter."""

    @property
    def adapter(self) -> str | None:
        """None: the base weights."""


Request = TypeVar("Request", bound=Adaptable)
Output = TypeVar("Output")


class Adapters:
    """The adapters of one model, by the names that requests call them."""

    def __init__(self, model: nn.Module) -> None:
        # Classes of the libraries hand out their parts untyped.
        self._model: Any = model
        self._wrapped: Any = None
        self._names: set[str] = set()

    def load(self, name: str, adapter: Adapter) -> None:
        """Put an adapter beside the others; it stays inactive.

        Raises:
            AdapterError: If it does not fit the model, has values that are no numbers, or the
                name is taken. Nothing has changed then.
        """
        if name in self._names:
            raise AdapterError(f"adapter {name} is loaded already; unload it first")
        modules = _fitting_modules(adapter, self._model)
        config = LoraConfig(
            r=adapter.rank,
            lora_alpha=adapter.alpha,  # type: ignore[arg-type]  # any number; its hint says int
            # Whole names: "q_proj" alone would be found in the vision tower too.
            target_modules=modules,
        )
        try:
            self._put_in(name, config, adapter)
        except BaseException:
            self._take_out(name)
            raise

    def _put_in(self, name: str, config: LoraConfig, adapter: Adapter) -> None:
        self._names.add(name)
        if self._wrapped is None:
            self._wrapped = PeftModel(self._model, config, _key(name))
        else:
            self._wrapped.add_adapter(_key(name), config)
        self._wrapped.base_model.disable_adapter_layers()
        report: Any = set_peft_model_state_dict(self._wrapped, adapter.tensors, _key(name))
        if report.unexpected_keys:
            raise AdapterError(f"peft has no place for {report.unexpected_keys[0]} in this model")

    def _take_out(self, name: str) -> None:
        """Undo what was begun; the name is free again."""
        if self._wrapped is not None and _key(name) in self._wrapped.peft_config:
            self.unload(name)
        self._names.discard(name)

    def unload(self, name: str) -> None:
        """Drop an adapter that isn't active.

        Raises:
            AdapterError: If there is none of that name.
        """
        self._require(name)
        if self._names == {name}:
            # peft goes on asking for the last one after it is deleted.
            self.clear()
            return
        self._names.remove(name)
        self._wrapped.delete_adapter(_key(name))

    def clear(self) -> None:
        """Drop all adapters, and make the model what it was before the first."""
        if self._wrapped is not None:
            self._wrapped.unload()
        self._wrapped = None
        self._names.clear()

    @contextmanager
    def active(self, name: str | None) -> Iterator[None]:
        """Answer by an adapter while the block runs, None for the base weights.

        Raises:
            AdapterError: If there is none of that name.
        """
        if name is None:
            yield
            return
        self._require(name)
        layers = self._wrapped.base_model
        layers.set_adapter(_key(name), inference_mode=True)
        layers.enable_adapter_layers()
        try:
            yield
        finally:
            layers.disable_adapter_layers()

    def each(
        self, call: Callable[[Sequence[Request]], Sequence[Output]], requests: Sequence[Request]
    ) -> list[Output]:
        """Return one output per request, in order: a call for each adapter among them.

        Raises:
            AdapterError: If one of them isn't loaded.
        """
        outputs: dict[int, Output] = {}
        for name in dict.fromkeys(request.adapter for request in requests):
            rows = [row for row, request in enumerate(requests) if request.adapter == name]
            with self.active(name):
                answers = call([requests[row] for row in rows])
            outputs.update(zip(rows, answers, strict=True))
        return [outputs[row] for row in range(len(requests))]

    def combine(
        self, names: Sequence[str], weights: Sequence[float], method: str, density: float
    ) -> dict[str, torch.Tensor]:
        """Return the matrices that peft's `add_weighted_adapter` makes of loaded adapters.

        Args:
            names: At least two.
            weights: How much each counts.
            method: peft's `combination_type`.
            density: The part of values that methods which prune keep, in `(0, 1]`.

        Raises:
            AdapterError: If peft can't combine them in that way.
        """
        combined = "combined"
        try:
            self._wrapped.base_model.add_weighted_adapter(
                adapters=[_key(name) for name in names],
                weights=list(weights),
                adapter_name=combined,
                combination_type=method,
                density=density,
            )
            tensors = get_peft_model_state_dict(self._wrapped, adapter_name=combined)
        except (ValueError, RuntimeError) as error:
            raise AdapterError(f"adapters can't be composed by {method}: {error}") from error
        self._wrapped.delete_adapter(combined)
        # Some methods leave views; a file takes whole tensors only.
        return {key: tensor.detach().contiguous().clone() for key, tensor in tensors.items()}

    def _require(self, name: str) -> None:
        if name not in self._names:
            loaded = ", ".join(sorted(self._names)) or "none"
            raise AdapterError(f"adapter {name} is not loaded; loaded: {loaded}")


def _key(name: str) -> str:
    # peft takes a name apart at its dots, and mistakes "lora_" in one for its own.
    return name.encode().hex()


def _fitting_modules(adapter: Adapter, model: Any) -> list[str]:  # noqa: ANN401  # any class
    """Return the layers that the adapter changes.

    Raises:
        AdapterError: If a tensor isn't one of a pair of LoRA's matrices for a linear layer of the
            language model, in its shape and of finite numbers.
    """
    layers = _linear_layers(model)
    shapes: dict[str, tuple[int, int]] = {}
    for key, tensor in adapter.tensors.items():
        found = TENSOR.fullmatch(key)
        if found is None or found["module"] not in layers:
            raise AdapterError(
                f"tensor {key} belongs to no linear layer of the language model; train the adapter "
                f"on this model, with target_modules inside its language model"
            )
        layer = layers[found["module"]]
        shapes[key] = (
            (adapter.rank, layer.in_features)
            if found["side"] == "A"
            else (layer.out_features, adapter.rank)
        )
        if tuple(tensor.shape) != shapes[key]:
            raise AdapterError(
                f"tensor {key} has shape {tuple(tensor.shape)}, this model needs {shapes[key]}"
            )
        if not torch.isfinite(tensor).all():
            raise AdapterError(f"tensor {key} has values that are no numbers; train it anew")
    modules = sorted({key.rsplit(".lora_", 1)[0] for key in shapes})
    if not modules or len(shapes) != 2 * len(modules):
        raise AdapterError(f"{len(shapes)} tensors for {len(modules)} layers, two each are needed")
    return [module.removeprefix("base_model.model.") for module in modules]


def _linear_layers(model: Any) -> dict[str, nn.Linear]:  # noqa: ANN401  # any class
    """Return the language model's linear layers by their names in the whole model."""
    inside = set(model.get_decoder().modules())
    named = {
        # Where an adapter is loaded, peft's layer has the name, and the layer itself inside.
        name: getattr(module, "base_layer", module)
        for name, module in model.named_modules()
        if module in inside and not PART_OF_PEFT.search(name)
    }
    return {name: module for name, module in named.items() if isinstance(module, nn.Linear)}
