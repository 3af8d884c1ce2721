"""`stream-app counterfactual`: nothing but wiring."""

import asyncio
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click
import orjson
from rich.console import Console

from stream_app.config import Settings
from stream_app.with_settings import with_settings

__all__ = ["counterfactual"]

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--recommendations", type=FILE, help="The topic's records, one a line; default: the topic."
)
@click.option("--events", type=FILE, help="What users did, as for `send`; default: the topic.")
@click.option("--fusion", type=FILE, help="The other policy's weights; default: STREAM_APP_FUSION.")
@click.option(
    "--within-hours",
    type=click.FloatRange(0, 24 * 365, min_open=True),
    default=24.0,
    show_default=True,
    help="How long after a list a click can have come from it.",
)
@click.option(
    "--clip", type=click.FloatRange(1), help="Greatest weight of a click; default: none is clipped."
)
@click.option("--json", "in_json", is_flag=True, help="One JSON object.")
@with_settings
def counterfactual(
    settings: Settings,
    *,
    recommendations: Path | None,
    events: Path | None,
    fusion: Path | None,
    within_hours: float,
    clip: float | None,
    in_json: bool,
) -> None:
    """Estimate how often lists by other weights would have been clicked, without showing them.

    \b
    stream-app counterfactual --fusion replayed/fusion.json
    stream-app counterfactual --recommendations lists.jsonl --events events.jsonl --fusion new.json

    The lists must have been published with STREAM_APP_EXPLORATION above 0: in that share of them
    one place was drawn by chance, and each item tells how likely it was there. Their candidates are
    ranked anew; where a list has the item that would have been shown, its click counts one over
    that probability (IPS; SNIPS: over the mean weight). An interaction that speaks for its item
    comes from the newest list before it that showed the item.

    It holds if a click depends on user, item and place, not on the items around it.
    """  # noqa: D301  # \b keeps click from running the lines together
    # Slow imports, which the other commands don't need.
    from stream_app.counterfactual import read
    from stream_app.counterfactual.estimates import evaluate
    from stream_app.counterfactual.logged import lists_with_clicks, require_exploration
    from stream_app.counterfactual.view import notes, table
    from stream_app.fusion.file import blend_of
    from stream_app.offline.sources import LeftOut
    from stream_app.show import plain, progress_bars

    blend, left_out = blend_of(fusion or settings.fusion), LeftOut()
    with progress_bars() as progress:
        lists = (
            asyncio.run(read.lists_on_topic(settings, blend, left_out, progress))
            if recommendations is None
            else list(read.lists_in_file(recommendations, blend, left_out))
        )
        require_exploration(lists)
        done = (
            asyncio.run(read.events_on_topic(settings, left_out, progress))
            if events is None
            else read.events_in_file(events, left_out)
        )
        usable = lists_with_clicks(lists, done, timedelta(hours=within_hours))
    for line in left_out.told():
        click.echo(line, err=True)
    found = evaluate(usable, clip=clip)
    num_unsupported = len({one.shown.list_id for one in lists}) - found.num_lists
    if in_json:
        about = {"policy": blend.name, "within_hours": within_hours, "clip": clip}
        told = {**about, "num_unsupported": num_unsupported, **asdict(found)}
        click.echo(orjson.dumps(told).decode())
        return
    console = Console(highlight=False)
    console.print(table(found, plain(blend.name)))
    for line in notes(found, num_unsupported=num_unsupported, clip=clip):
        console.print(line)
