"""Which adapter answers for a user, and whether one fits a model: all that needs no weights."""

from collections.abc import Mapping
from hashlib import blake2b

from models.errors import AdapterError
from schemas.adapter_release import AdapterRelease
from schemas.versions import Versions

__all__ = [
    "COMPOSITION_DENSITY",
    "COMPOSITION_METHODS",
    "adapter_id",
    "assigned",
    "require_fit",
    "user_point",
]

# Named as in peft. `cat` is the exact sum, at the sum of the ranks; `svd` the nearest to it at the
# largest rank. The others work on each of LoRA's two matrices alone, which is rougher: of two small
# tasks `linear` kept both, `ties` and `dare_ties` one of them in parts only.
COMPOSITION_METHODS = ("cat", "svd", "linear", "ties", "dare_linear", "dare_ties")
COMPOSITION_DENSITY = 0.8

# As many as a double keeps: with more, the largest hashes would round up to 1.
POINT_BITS = 53


def assigned(user_id: str, shares: Mapping[str, float]) -> str | None:
    """Return whose adapter answers for a user, None for the base weights.

    The names in order stand side by side on `[0, 1)`, each as wide as its share; the user's point
    decides. So a user's answer depends on nothing but the shares, adding a name or widening one
    moves nobody who is before it in the order, and adding the last one moves users of the base
    weights only.

    Args:
        user_id: Whose event is answered.
        shares: By name the part of users, each in `[0, 1]`. What is past 1 in sum gets nobody.
    """
    point = user_point(user_id)
    end = 0.0
    for name in sorted(shares):
        end += shares[name]
        if point < end:
            return name
    return None


def user_point(user_id: str) -> float:
    """Return the user's place in `[0, 1)`, evenly spread, the same in every process."""
    # A hash of its own: with that of Kafka's partitions, a share could be a partition.
    digest = blake2b(user_id.encode(), digest_size=8, person=b"adapter").digest()
    return (int.from_bytes(digest, "big") >> (64 - POINT_BITS)) / (1 << POINT_BITS)


def adapter_id(release: AdapterRelease) -> str:
    """Return what versions call the adapter: its name, and digits that change with its weights."""
    return f"{release.name}@{release.sha256[:8]}"


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
