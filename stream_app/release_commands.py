"""What the commands of all that is released have in common: three of them, and options."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson
from rich.console import Console
from rich.table import Table

from models.releases import release_id
from schemas.codec import encode
from schemas.release import Release
from stream_app.config import Settings
from stream_app.releases import Releases
from stream_app.with_settings import with_settings

__all__ = ["add_commands", "release_options", "show"]

R = TypeVar("R", bound=Release)
# By heading what is to be known of a release beside what all have.
About = Callable[[R], Mapping[str, str]]


def release_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a `release` command `--name`, `--share` and `--metrics`."""
    name = click.option(
        "--name", required=True, help="Takes the place of the name's release before."
    )
    share = click.option(
        "--share",
        required=True,
        type=click.FloatRange(0, 1),
        help="Part of the users that it answers for.",
    )
    metrics = click.option(
        "--metrics",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        callback=_numbers,
        help="JSON object of numbers, to go with the release.",
    )
    return name(share(metrics(command)))


def add_commands(group: click.Group, releases: Releases[R], about: About[R]) -> None:
    """Add `list`, `rollback` and `withdraw` to a group."""

    @group.command("list", help="Show the releases, and what a rollback would restore.")
    @click.option("--json", "as_json", is_flag=True, help="One record a line, as on the topic.")
    @with_settings
    def list_command(settings: Settings, as_json: bool) -> None:
        live = asyncio.run(releases.live(settings)).values()
        if as_json:
            for one in live:
                click.echo(encode(one).decode())
        elif live:
            Console().print(_table([_row(one, about) for one in live]))
        else:
            click.echo(f"no {releases.noun} released")

    @group.command(
        "rollback",
        help="Go back to the release of NAME before the newest: its weights and its share.",
    )
    @click.argument("name")
    @with_settings
    def rollback_command(settings: Settings, name: str) -> None:
        show("back to", asyncio.run(releases.rollback(settings, name)), about)

    @group.command("withdraw", help=f"Give the users of NAME to {releases.otherwise}.")
    @click.argument("name")
    @with_settings
    def withdraw_command(settings: Settings, name: str) -> None:
        asyncio.run(releases.withdraw(settings, name))
        click.echo(f"withdrawn {name}")


def show(done: str, release: R, about: About[R]) -> None:
    """Say what was done to a release."""
    told = ", ".join(f"{heading} {text}" for heading, text in about(release).items())
    click.echo(f"{done} {release_id(release)} for {release.share:g} of the users: {told}")


def _numbers(
    _context: click.Context, _option: click.Parameter, file: Path | None
) -> dict[str, float]:
    if file is None:
        return {}
    try:
        found = orjson.loads(file.read_bytes())
        return {str(name): float(value) for name, value in found.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise click.BadParameter(f"{file}: {error}; expected a JSON object of numbers") from error


def _row(release: R, about: About[R]) -> dict[str, str]:
    before = release.previous
    metrics = sorted(release.metrics.items())
    return {
        "name": release.name,
        "share": f"{release.share:g}",
        "weights": release.sha256[:8],
        **about(release),
        "metrics": ", ".join(f"{name} {value:g}" for name, value in metrics),
        "released": f"{release.released_at:%Y-%m-%d %H:%M}",
        "before": f"{before.sha256[:8]}, {before.share:g}" if before else "",
    }


def _table(rows: Sequence[Mapping[str, str]]) -> Table:
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*row.values())
    return table
