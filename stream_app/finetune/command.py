"""`stream-app finetune`: nothing but wiring."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from stream_app.config import Settings
from stream_app.finetune.job import Job, TrainingSettings
from stream_app.with_settings import with_settings

__all__ = ["finetune"]

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
DEFAULTS = TrainingSettings()
# Processes beside the first wait while it has the model read items: for large catalogues, hours.
WAIT = timedelta(days=7)


@click.command()
@click.option("--events", type=FILE, required=True, help="The log, as for `send`; with times.")
@click.option("--items", type=FILE, required=True, help="The catalogue, as for `catalog load`.")
@click.option("--out", type=FOLDER, required=True, help="Where the adapter and its work files go.")
@click.option(
    "--pictures",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that the rows' image paths are relative to; default: the catalogue's own.",
)
@click.option(
    "--negatives",
    type=click.Choice(["uniform", "popularity", "both"]),
    default=DEFAULTS.negatives,
    show_default=True,
    help="How items that were not met are drawn; uniform ones teach mostly what is popular.",
)
@click.option("--max-users", type=click.IntRange(min=1), help="Only so many, drawn at random.")
@click.option("--epochs", type=click.IntRange(1, 100), default=DEFAULTS.epochs, show_default=True)
@click.option(
    "--validation-share",
    type=click.FloatRange(0, 0.9, min_open=True),
    default=DEFAULTS.validation_share,
    show_default=True,
    help="Part of the events, the newest, that is kept to measure by.",
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, 1, min_open=True),
    default=DEFAULTS.learning_rate,
    show_default=True,
)
@click.option("--rank", type=click.IntRange(1, 256), default=DEFAULTS.rank, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=DEFAULTS.seed, show_default=True)
@with_settings
def finetune(
    settings: Settings,
    events: Path,
    items: Path,
    out: Path,
    pictures: Path | None,
    **training: Any,  # noqa: ANN401  # click's options are of any type
) -> None:
    """Train a LoRA adapter for the model of MODEL_ID on a log and a catalogue.

    \b
    stream-app finetune --events events.jsonl --items items.jsonl --out adapter
    stream-app adapters release adapter --name mine --share 0.1
    The first run on much data: add --max-users 200 --epochs 1 to see what it takes.

    The model reads each item once and sums up each user's history as it does live. It then learns
    to say "Yes" to what a user came to like next and "No" to an item drawn from those that the
    user had not met, given what was known of the user just before. The newest part of the log
    is not learned: it tells whether the adapter is better than the base model and than popularity.

    \b
    OUT gets  adapter_model.safetensors, adapter_config.json   what peft and `adapters` read
              README.md, metrics.json, training.json           what it is and how good
              work/                                            may be deleted

    Interrupted, the same command goes on where it was: work/ keeps what the model has read, and
    checkpoints. Another --epochs, say, trains anew and reads nothing again.

    \b
    Several GPUs:  accelerate launch --multi_gpu -m stream_app finetune ...
    All of them train; the first process alone reads items and writes files.
    """  # noqa: D301  # \b keeps click from running the lines together
    # Slow imports, which the other commands don't need.
    import torch
    from accelerate import PartialState

    from models.mllm.engine import MllmEngine
    from models.mllm.load import load
    from stream_app.engine import model_of
    from stream_app.finetune.errors import FinetuneError
    from stream_app.finetune.run import run_finetune
    from stream_app.show import progress_bars
    from stream_app.training_progress import TrainingProgress

    if settings.engine != "mllm":
        raise FinetuneError(
            f"STREAM_APP_ENGINE={settings.engine} has no weights to train: unset it, and name the "
            f"model by MODEL_ID"
        )
    # Before the model is loaded: it gives each process its device.
    is_first = PartialState(cpu=not torch.cuda.is_available(), timeout=WAIT).is_main_process
    loaded = load(model_of(settings))
    job = Job(
        events=events,
        items=items,
        pictures=pictures or items.parent,
        out=out,
        bucket=settings.buckets[0],
        settings=TrainingSettings(
            **training, summaries=settings.summaries, sees_pictures=settings.pictures
        ),
    )
    with progress_bars(shown=is_first) as progress:
        metrics = run_finetune(
            job,
            loaded,
            MllmEngine(loaded),
            progress=progress,
            tell=lambda line: click.echo(line, err=True) if is_first else None,
            callbacks=[TrainingProgress(progress)],
        )
    if is_first:
        click.echo(
            f"{out}: AUC {metrics['auc']:.3f}, base model {metrics['base_auc']:.3f}, "
            f"MostPop {metrics['mostpop_auc']:.3f}"
        )
