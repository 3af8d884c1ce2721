"""What can go wrong in the engine, and what each error costs the caller.

EngineError: this call failed; the answer without the model stands in.
├── CapacityError: the same work may pass in smaller batches or later.
├── InputError: one input is at fault, and will be each time.
├── UnavailableError: nothing can be asked for now; later it may pass.
├── EngineLostError: nothing can be asked any more; only a new process can go on.
├── AdapterError: an adapter can't be used; without it all goes on.
└── ModelLoadError: the model can't be used at all.
"""

__all__ = [
    "AdapterError",
    "CapacityError",
    "EngineError",
    "EngineLostError",
    "InputError",
    "ModelLoadError",
    "UnavailableError",
]


class EngineError(Exception):
    """A call to the engine failed.

    `public` says so to everybody who reads the answers: without a library's words, which may hold
    paths, addresses or a user's text. The message itself is for the log.
    """

    public = "the model failed"


class CapacityError(EngineError):
    """Out of memory, or over a limit that smaller batches would keep."""

    public = "out of memory"


class InputError(EngineError):
    """An input that can't be processed, such as bytes that are no picture."""

    public = "the model can't read it"


class EngineLostError(EngineError):
    """The accelerator is in a state that no call gets out of. No answer stands in for this one."""


class UnavailableError(EngineError):
    """The model's server is away, or fails at whatever it is asked."""

    public = "the model's server is not available"


class AdapterError(EngineError):
    """An adapter is unsafe, broken, not for this model, or not to be used in this way."""


class ModelLoadError(EngineError):
    """Weights are missing, unsafe, or of an architecture that isn't supported."""
