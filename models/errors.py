"""What can go wrong in the engine, and what each error costs the caller.

EngineError: this call failed; the answer without the model stands in.
├── CapacityError: the same work may pass in smaller batches or later.
├── InputError: one input is at fault, and will be each time.
├── AdapterError: an adapter can't be used; without it all goes on.
└── ModelLoadError: the model can't be used at all.
"""

__all__ = ["AdapterError", "CapacityError", "EngineError", "InputError", "ModelLoadError"]


class EngineError(Exception):
    """A call to the engine failed."""


class CapacityError(EngineError):
    """Out of memory, or over a limit that smaller batches would keep."""


class InputError(EngineError):
    """An input that can't be processed, such as bytes that are no picture."""


class AdapterError(EngineError):
    """An adapter is unsafe, broken, not for this model, or not to be used in this way."""


class ModelLoadError(EngineError):
    """Weights are missing, unsafe, or of an architecture that isn't supported."""
