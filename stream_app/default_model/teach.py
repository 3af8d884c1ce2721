"""`make model`: everything from packages and pictures to trained weights."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from models.mllm.chat import special_tokens
from models.mllm.default_model import assemble
from models.mllm.familiarity import Familiarity
from models.mllm.load import LoadedModel, load
from models.mllm.prompts import ATTRIBUTES, Plain
from models.mllm.trained import ADAPTER_WEIGHTS, FAMILIAR, PROJECTOR_WEIGHTS
from models.mllm.training.alignment import Labels, align
from models.mllm.training.rows import RowBuilder
from models.mllm.training.train import Plan, train
from stream_app.default_model.batches import (
    BATCHES_PER_STEP,
    MIXES,
    NUM_STEPS,
    Pictures,
    training_batches,
    validation_batches,
)
from stream_app.default_model.pictures import drawn_garments, features_of, labelled_photos
from stream_app.default_model.readings import PHOTO_KINDS

__all__ = ["Schooling", "teach"]

SEED = 7
ALIGNMENT_STEPS = 800
ADAPTER_CONFIG = "adapter_config.json"
PROJECTOR_KEY = "base_model.model.model.multi_modal_projector."


@dataclass(frozen=True)
class Schooling:
    """Where pictures are, where to work, and where trained weights go."""

    photos: Path
    work: Path
    out: Path


def teach(
    schooling: Schooling,
    *,
    callbacks: list[TrainerCallback],
    progress: Callable[[str], None],
    counted: Callable[[str, int, int], None],
) -> dict[str, float]:
    """Train projector and adapter, write both to `schooling.out`, and return the metrics.

    Interrupted, it goes on where it was when it is called again with the same `work`.

    Raises:
        PhotosMissingError: If there are no photos.
        ModelLoadError: If the packages that the weights come in are missing.
    """
    photos = [one for one in labelled_photos(schooling.photos) if one.split == "train"]
    base = schooling.work / "base"
    if not base.exists():
        assemble(base, trained=None, progress=progress)
    loaded = load(base)
    garments, others = drawn_garments()
    pictures = Pictures(
        garments,
        features_of(loaded, garments, schooling.work / "drawn.npy", progress=counted),
        [one.label for one in photos],
        features_of(loaded, photos, schooling.work / "photos.npy", progress=counted),
    )
    progress("The projector's start: words for what is seen")
    _align(loaded, pictures)
    progress(f"Projector and adapter: {NUM_STEPS} steps")
    plain = Plain(special_tokens(loaded.tokenizer))
    rows = RowBuilder(loaded, plain)
    metrics = train(
        loaded,
        rows.answers,
        training_batches(rows, plain, pictures, mixes=MIXES, seed=SEED),
        validation_batches(rows, plain, others, seed=SEED + 1),
        Plan(
            learning_rate=8e-4,
            accumulation=BATCHES_PER_STEP,
            evaluate_every=40,
            # The AUC rises late; nothing is to end the training before.
            patience=NUM_STEPS,
            with_projector=True,
            seed=SEED,
        ),
        schooling.work / "trained",
        callbacks=callbacks,
        progress=progress,
    )
    _export(schooling.work / "trained", schooling.out)
    _familiarity(loaded, pictures).write(schooling.out / FAMILIAR)
    return metrics


def _familiarity(loaded: LoadedModel, pictures: Pictures) -> Familiarity:
    """Return the centres of each kind of drawings and of photos, as the embedder sees them."""
    features = torch.cat([pictures.of_garments, pictures.of_photos]).float().mean(1)
    centred = features - loaded.model.model.vision_tower.typical_features().cpu()
    groups = [f"drawn {one.kind}" for one in pictures.garments]
    groups += [f"photo {label}" for label in pictures.labels]
    return Familiarity.of(torch.nn.functional.normalize(centred).detach().numpy(), groups)


def _align(loaded: LoadedModel, pictures: Pictures) -> None:
    kinds = [PHOTO_KINDS[label] for label in pictures.labels]
    labels: Labels = {
        name: [
            *(getattr(garment, name) for garment in pictures.garments),
            *(kinds if name == "kind" else [None] * len(kinds)),
        ]
        for name in ATTRIBUTES
    }
    align(
        loaded.model.model.multi_modal_projector,
        loaded.model.get_input_embeddings().weight,
        loaded.tokenizer,
        torch.cat([pictures.of_garments, pictures.of_photos]),
        labels,
        num_steps=ALIGNMENT_STEPS,
        seed=SEED,
    )


def _export(trained: Path, out: Path) -> None:
    """Split peft's file: the projector apart, the adapter as peft reads it; half precision."""
    out.mkdir(parents=True, exist_ok=True)
    tensors = {name: one.half() for name, one in load_file(trained / ADAPTER_WEIGHTS).items()}
    projector = {
        name.removeprefix(PROJECTOR_KEY): tensors.pop(name)
        for name in sorted(tensors)
        if name.startswith(PROJECTOR_KEY)
    }
    save_file(projector, out / PROJECTOR_WEIGHTS)
    save_file(tensors, out / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    config = json.loads((trained / ADAPTER_CONFIG).read_text())
    # The projector is a file of its own now; and where it was trained is nobody's business.
    config |= {"modules_to_save": None, "base_model_name_or_path": None}
    (out / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
