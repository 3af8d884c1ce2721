"""Weights in a file, as a replay writes them and a worker reads them."""

from pathlib import Path

from models.fusion import Blend, EvenBlend, Fusion, require_fit
from schemas.codec import Poison, decode, encode
from schemas.fusion_weights import FusionWeights
from stream_app.fusion.errors import FusionError

__all__ = ["blend_of", "read_weights", "write_weights"]

# Learned ones take 3 KB; a release has those of five in one record.
MAX_BYTES = 64 * 1024


def blend_of(path: Path | None) -> Blend:
    """Return the blend of a file of weights, the even one where there is none.

    Raises:
        FusionError: If the file can't be read, is none of weights, or of other features.
    """
    return EvenBlend() if path is None else Fusion(read_weights(path))


def read_weights(path: Path) -> FusionWeights:
    """Return the weights of a file, which are of the features that this version has.

    Raises:
        FusionError: If the file can't be read, is none of weights, or of other features.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FusionError(f"{path} can't be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise FusionError(f"{path} has more than {MAX_BYTES} bytes: it is no file of weights")
    weights = decode(FusionWeights, raw)
    if isinstance(weights, Poison):
        raise FusionError(f"{path}: {weights.reason}; `stream-app replay --learn-fusion` makes one")
    try:
        require_fit(weights)
    except ValueError as error:
        raise FusionError(f"{path}: {error}") from error
    return weights


def write_weights(path: Path, weights: FusionWeights) -> None:
    """Write weights for `blend_of` to read."""
    path.write_bytes(encode(weights) + b"\n")
