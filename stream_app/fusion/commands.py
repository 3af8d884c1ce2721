"""`stream-app fusion`: release weights of the final score, and take them back."""

import asyncio
from pathlib import Path

import click

from schemas.fusion_release import FusionRelease
from stream_app.config import Settings
from stream_app.release_commands import add_commands, release_options, show
from stream_app.releases import FUSION
from stream_app.with_settings import with_settings

__all__ = ["fusion"]


@click.group()
def fusion() -> None:
    """Release weights of the final score to running workers, and take them back."""


@fusion.command("release")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@release_options
@with_settings
def release_command(
    settings: Settings, file: Path, name: str, share: float, metrics: dict[str, float]
) -> None:
    """Release FILE, weights that `stream-app replay --learn-fusion` wrote.

    Their share of the users is drawn apart from that of adapters. Workers of a version that weighs
    other features refuse them, and those before them stay.
    """
    from stream_app.fusion.releases import release

    released = asyncio.run(release(settings, file, name=name, share=share, metrics=metrics))
    show("released", released, _about)


def _about(release: FusionRelease) -> dict[str, str]:
    starts = [str(stage.min_events) for stage in release.weights.stages]
    return {"learned as": release.weights.name, "stages from": f"{'/'.join(starts)} events"}


add_commands(fusion, FUSION, _about)
