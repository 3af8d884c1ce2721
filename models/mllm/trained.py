"""Where the default model's trained weights lie, and by what id they are known. No torch here."""

from hashlib import file_digest, sha256
from pathlib import Path

__all__ = ["FAMILIAR", "PROJECTOR_WEIGHTS", "PROMPT", "TRAINED", "trained_id"]

# What `make model` leaves: a projector, a LoRA adapter as peft writes it, what pictures look
# familiar, and a model card.
TRAINED = Path(__file__).parent / "weights"
PROJECTOR_WEIGHTS = "projector.safetensors"
FAMILIAR = "familiar.safetensors"
# Of the projector's metadata: the version of the prompts that all of it was taught with.
PROMPT = "prompt"


def trained_id(folder: Path = TRAINED) -> str:
    """Return eight hex digits that change with any trained weight; "untrained" without any."""
    digest = sha256()
    paths = sorted(folder.glob("*.safetensors"))
    for path in paths:
        with path.open("rb") as file:
            digest.update(file_digest(file, "sha256").digest())
    return digest.hexdigest()[:8] if paths else "untrained"
