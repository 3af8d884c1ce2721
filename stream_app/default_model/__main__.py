"""`python -m stream_app.default_model`: train the default model's projector and adapter."""

from functools import partial
from pathlib import Path

import click

from models.errors import ModelLoadError
from models.mllm.trained import TRAINED
from stream_app.default_model.curriculum import NUM_STEPS
from stream_app.default_model.pictures import PhotosMissingError
from stream_app.show import progress_bars

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option("--photos", type=FOLDER, required=True, help="Photos of clothes, with items.jsonl.")
@click.option("--work", type=FOLDER, required=True, help="Checkpoints; a second run goes on there.")
@click.option("--out", type=FOLDER, default=TRAINED, help="Where the trained weights go.")
@click.option("--steps", default=NUM_STEPS, show_default=True, help="About 16 s each.")
@click.option("--start", type=FOLDER, help="Trained weights to go on from.")
def main(photos: Path, work: Path, out: Path, steps: int, start: Path | None) -> None:
    """Teach the default model to see clothes, to sum up a taste and to say yes or no.

    About 75 minutes on two quiet cores. The weights are a few MB; after a change
    run `stream-app setup` to assemble the model from them, and `python -m benchmarks.default_model`
    to measure it.
    """
    from stream_app.default_model.teach import Schooling, teach
    from stream_app.training_progress import TrainingProgress

    with progress_bars() as counted:
        try:
            metrics = teach(
                Schooling(photos, work, out, steps, start),
                callbacks=[TrainingProgress(counted)],
                progress=partial(click.echo, err=True),
                counted=counted,
            )
        except (PhotosMissingError, ModelLoadError) as error:
            raise click.ClickException(str(error)) from error
    click.echo(f"validation AUC {metrics['auc']:.3f}; weights in {out}")


if __name__ == "__main__":
    main()
