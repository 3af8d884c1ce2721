"""`make model`: everything from packages and pictures to trained weights."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from models.mllm import training
from models.mllm.adapter_file import CONFIG_FILE, WEIGHTS_FILE
from models.mllm.chat import special_tokens
from models.mllm.default_model import assemble
from models.mllm.familiarity import Familiarity
from models.mllm.load import LoadedModel, load
from models.mllm.prompts import ATTRIBUTES, PROMPT_VERSION, Plain
from models.mllm.trained import FAMILIAR, PROJECTOR_WEIGHTS, PROMPT, trained_id
from models.mllm.training.alignment import Labels, align
from models.mllm.training.rows import RowBuilder
from models.mllm.training.train import PROJECTOR, Plan, train
from stream_app.default_model.curriculum import (
    BATCHES_PER_STEP,
    MIX,
    NUM_STEPS,
    Pictures,
    training_batches,
    validation_batches,
)
from stream_app.default_model.picture_answers import PHOTO_KINDS
from stream_app.default_model.pictures import Photo, drawn_garments, features_of, labelled_photos
from stream_app.demo import shoppers, tastes
from stream_app.demo.garments import Garment
from stream_app.show import Progress

__all__ = ["Schooling", "teach"]

SEED = 7
LEARNING_RATE = 8e-4
ALIGNMENT_STEPS = 800
# What is taught and how, as far as no argument tells: the files that it follows from.
TAUGHT_BY = [
    *sorted(Path(__file__).parent.glob("*.py")),
    *sorted(Path(training.__path__[0]).glob("*.py")),
    Path(shoppers.__file__),
    Path(tastes.__file__),
]
# How peft names the projector that was trained beside the adapter.
PROJECTOR_KEY = f"base_model.model.model.{PROJECTOR}."


@dataclass(frozen=True)
class Schooling:
    """Where pictures are, where to work, where trained weights go, and for how many steps.

    `start` is a folder of trained weights to go on from, None to begin with nothing.
    """

    photos: Path
    work: Path
    out: Path
    num_steps: int = NUM_STEPS
    start: Path | None = None


def teach(
    schooling: Schooling,
    *,
    callbacks: list[TrainerCallback],
    progress: Callable[[str], None],
    counted: Progress,
) -> dict[str, float]:
    """Train projector and adapter, write both to `schooling.out`, and return the metrics.

    Interrupted, it goes on where it was when it is called again with the same `work`.

    Raises:
        PhotosMissingError: If there are no photos.
        ModelLoadError: If the packages that the weights come in are missing.
    """
    photos = [one for one in labelled_photos(schooling.photos) if one.split == "train"]
    garments, _ = drawn_garments()
    work = schooling.work / _lesson_id(schooling, garments, photos)
    base = work / "base"
    if not base.exists():
        assemble(base, trained=None, progress=progress)
    loaded = load(base, dtype="float32")
    pictures = Pictures(
        garments,
        features_of(loaded, garments, work / "drawn.npy", progress=counted),
        [one.label for one in photos],
        features_of(loaded, photos, work / "photos.npy", progress=counted),
    )
    if schooling.start is None:
        progress("The projector's start: words for what is seen")
        _align(loaded, pictures)
    progress(f"Projector and adapter: {schooling.num_steps} steps")
    plain = Plain(special_tokens(loaded.tokenizer))
    rows = RowBuilder(loaded, plain)
    metrics = train(
        loaded,
        rows.answers,
        training_batches(rows, plain, pictures, mix=MIX, num_steps=schooling.num_steps, seed=SEED),
        # Other shoppers; the garments that the card is measured on choose no checkpoint.
        validation_batches(rows, plain, garments, seed=SEED + 1),
        Plan(
            # What is known already is not to be shaken as much.
            learning_rate=LEARNING_RATE if schooling.start is None else LEARNING_RATE / 2,
            accumulation=BATCHES_PER_STEP,
            evaluate_every=40,
            # The AUC rises late; nothing is to end the training before.
            patience=None,
            with_projector=True,
            seed=SEED,
        ),
        work / "trained",
        callbacks=callbacks,
        start=_weights(schooling.start) if schooling.start else None,
        progress=progress,
    )
    _export(work / "trained", schooling.out)
    _familiarity(loaded, pictures).write(schooling.out / FAMILIAR)
    return metrics


def _lesson_id(schooling: Schooling, garments: Sequence[Garment], photos: Sequence[Photo]) -> str:
    """Return what changes with anything that is taught, or with how: both start anew."""
    start = schooling.start and trained_id(schooling.start)
    told = [PROMPT_VERSION, schooling.num_steps, start, *map(repr, garments)]
    told += [f"{one.path.name} {one.label}" for one in photos]
    told += [path.read_text() for path in TAUGHT_BY]
    return sha256("\n".join(map(str, told)).encode()).hexdigest()[:12]


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


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return what `_export` wrote, as peft names it."""
    projector = load_file(folder / PROJECTOR_WEIGHTS)
    return load_file(folder / WEIGHTS_FILE) | {
        f"{PROJECTOR_KEY}{name}": tensor for name, tensor in projector.items()
    }


def _export(trained: Path, out: Path) -> None:
    """Split peft's file: the projector apart, the adapter as peft reads it; half precision."""
    out.mkdir(parents=True, exist_ok=True)
    tensors = {name: one.half() for name, one in load_file(trained / WEIGHTS_FILE).items()}
    projector = {
        name.removeprefix(PROJECTOR_KEY): tensors.pop(name)
        for name in sorted(tensors)
        if name.startswith(PROJECTOR_KEY)
    }
    save_file(projector, out / PROJECTOR_WEIGHTS, metadata={PROMPT: PROMPT_VERSION})
    save_file(tensors, out / WEIGHTS_FILE, metadata={"format": "pt"})
    config = json.loads((trained / CONFIG_FILE).read_text())
    # The projector is a file of its own now; and where it was trained is nobody's business.
    config |= {"modules_to_save": None, "base_model_name_or_path": None}
    (out / CONFIG_FILE).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
