"""`stream-app adapters`: release fine-tuned weights to the running workers, and take them back."""

import asyncio
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table

from models.adapters import COMPOSITION_DENSITY, COMPOSITION_METHODS
from models.errors import AdapterError
from schemas.adapter_release import AdapterRelease
from schemas.codec import encode
from stream_app.config import Settings
from stream_app.with_settings import with_settings

__all__ = ["adapters"]

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def adapters() -> None:
    """Release fine-tuned weights to running workers, and take them back."""


@adapters.command("release")
@click.argument("folder", type=FOLDER)
@click.option("--name", required=True, help="Takes the place of the name's release before.")
@click.option(
    "--share",
    required=True,
    type=click.FloatRange(0, 1),
    help="Part of the users that it answers for.",
)
@click.option(
    "--metrics",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON object of numbers, to go with the release.",
)
@with_settings
def release_command(
    settings: Settings, folder: Path, name: str, share: float, metrics: Path | None
) -> None:
    """Release FOLDER, a LoRA adapter saved by peft as safetensors.

    Workers load it between two batches. It scores and summarises for its share of the users; one
    that doesn't fit the model is refused by the workers, and the one before it stays.
    """
    from stream_app.adapters.releases import release

    measured = _numbers(metrics) if metrics else {}
    released = asyncio.run(release(settings, folder, name=name, share=share, metrics=measured))
    _show("released", released)


@adapters.command("list")
@click.option("--json", "as_json", is_flag=True, help="One record a line, as on the topic.")
@with_settings
def list_command(settings: Settings, as_json: bool) -> None:
    """Show the releases, and what a rollback would restore."""
    from stream_app.adapters.releases import live_releases

    live = asyncio.run(live_releases(settings)).values()
    if as_json:
        for one in live:
            click.echo(encode(one).decode())
        return
    Console().print(_table(list(live)))


@adapters.command("rollback")
@click.argument("name")
@with_settings
def rollback_command(settings: Settings, name: str) -> None:
    """Go back to the release of NAME before the newest: its weights and its share."""
    from stream_app.adapters.releases import rollback

    _show("back to", asyncio.run(rollback(settings, name)))


@adapters.command("withdraw")
@click.argument("name")
@with_settings
def withdraw_command(settings: Settings, name: str) -> None:
    """Give the users of NAME to the base weights."""
    from stream_app.adapters.releases import withdraw

    asyncio.run(withdraw(settings, name))
    click.echo(f"withdrawn {name}")


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


def _numbers(file: Path) -> dict[str, float]:
    try:
        found = orjson.loads(file.read_bytes())
        return {str(name): float(value) for name, value in found.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise AdapterError(f"{file}: {error}; expected a JSON object of numbers") from error


def _show(done: str, release: AdapterRelease) -> None:
    click.echo(
        f"{done} {release.name} ({release.sha256[:8]}) for {release.share:g} of the users, "
        f"on {release.base} with prompts {release.prompt}"
    )


def _table(releases: list[AdapterRelease]) -> Table:
    table = Table("name", "share", "weights", "base", "prompts", "metrics", "released", "before")
    for one in releases:
        before = one.previous
        table.add_row(
            one.name,
            f"{one.share:g}",
            one.sha256[:8],
            one.base or "",
            one.prompt or "",
            ", ".join(f"{name} {value:g}" for name, value in sorted(one.metrics.items())),
            f"{one.released_at:%Y-%m-%d %H:%M}",
            f"{before.sha256[:8]}, {before.share:g}" if before else "",
        )
    return table
