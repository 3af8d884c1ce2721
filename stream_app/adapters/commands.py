"""`stream-app adapters`: release fine-tuned weights to the running workers, and take them back."""

import asyncio
from pathlib import Path

import click

from models.adapters import COMPOSITION_DENSITY, COMPOSITION_METHODS
from schemas.adapter_release import AdapterRelease
from stream_app.config import Settings
from stream_app.release_commands import add_commands, release_options, show
from stream_app.releases import ADAPTERS
from stream_app.with_settings import with_settings

__all__ = ["adapters"]

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def adapters() -> None:
    """Release fine-tuned weights to running workers, and take them back."""


@adapters.command("release")
@click.argument("folder", type=FOLDER)
@release_options
@with_settings
def release_command(
    settings: Settings, folder: Path, name: str, share: float, metrics: dict[str, float]
) -> None:
    """Release FOLDER, a LoRA adapter saved by peft as safetensors.

    Workers load it between two batches. It scores and summarises for its share of the users; one
    that doesn't fit the model is refused by the workers, and the one before it stays.
    """
    from stream_app.adapters.releases import release

    released = asyncio.run(release(settings, folder, name=name, share=share, metrics=metrics))
    show("released", released, _about)


def _about(release: AdapterRelease) -> dict[str, str]:
    return {"base": release.base or "", "prompts": release.prompt or ""}


add_commands(adapters, ADAPTERS, _about)


@adapters.command("compose")
@click.argument("folders", nargs=-1, required=True, type=FOLDER)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new folder.")
@click.option("--weights", help='How much each counts, such as "1,0.5"; default: 1 each.')
@click.option("--method", type=click.Choice(COMPOSITION_METHODS), default="cat", show_default=True)
@click.option(
    "--density",
    type=click.FloatRange(0, 1, min_open=True),
    default=COMPOSITION_DENSITY,
    show_default=True,
    help="Part of the values that ties and dare keep.",
)
@with_settings
def compose_command(
    settings: Settings,
    folders: tuple[Path, ...],
    out: Path,
    weights: str | None,
    method: str,
    density: float,
) -> None:
    """Make one adapter of FOLDERS, two or more, that does what they do.

    cat is their exact sum, and as large as all of them; svd is the nearest at the size of one; the
    others are rougher.
    """
    from stream_app.adapters.composing import compose_folders

    compose_folders(
        settings, folders, out, weights=_weights(weights), method=method, density=density
    )
    click.echo(f"composed {out}")


def _weights(text: str | None) -> list[float]:
    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r}: numbers separated by commas", param_hint="--weights"
        ) from error
