"""`python -m stream_app.default_model`: train the default model's projector and adapter."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from models.errors import ModelLoadError
from models.mllm.trained import TRAINED
from stream_app.default_model.pictures import PhotosMissingError

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option("--photos", type=FOLDER, required=True, help="Photos of clothes, with items.jsonl.")
@click.option("--work", type=FOLDER, required=True, help="Checkpoints; a second run goes on there.")
@click.option("--out", type=FOLDER, default=TRAINED, help="Where the trained weights go.")
@click.option("--steps", default=240, show_default=True, help="About ten seconds each on 2 cores.")
def main(photos: Path, work: Path, out: Path, steps: int) -> None:
    """Teach the default model to see clothes, to sum up a taste and to say yes or no.

    Under an hour on two quiet cores, minutes on a GPU. The weights are a few MB; after a change
    run `stream-app setup` to assemble the model from them, and `python -m benchmarks.default_model`
    to measure it.
    """
    from stream_app.default_model.teach import Schooling, teach
    from stream_app.training_progress import TrainingProgress

    with Progress(console=Console(stderr=True)) as bars:
        tasks = {}

        def counted(what: str, done: int, total: int) -> None:
            name = what.partition(",")[0]
            if name not in tasks:
                tasks[name] = bars.add_task(what, total=total)
            bars.update(tasks[name], description=what, completed=done, total=total)

        try:
            metrics = teach(
                Schooling(photos, work, out, steps),
                callbacks=[TrainingProgress(counted)],
                progress=bars.console.print,
                counted=counted,
            )
        except (PhotosMissingError, ModelLoadError) as error:
            raise click.ClickException(str(error)) from error
    click.echo(f"validation AUC {metrics['auc']:.3f}; weights in {out}")


main()
