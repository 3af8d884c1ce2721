"""`stream-app quality`: nothing but wiring."""

import asyncio

import click
import orjson
from rich.console import Console

from stream_app.config import Settings
from stream_app.quality.errors import QualityError
from stream_app.quality.tally import KEPT_DAYS
from stream_app.with_settings import with_settings

__all__ = ["quality"]


@click.group(invoke_without_command=True)
@with_settings
def quality(settings: Settings) -> None:
    """Tell what comes of the lists, as it happens, until SIGTERM or Ctrl-C.

    Each interaction is attributed to the newest list before it that showed the item. What came of
    a list goes to the topic list-outcomes, and is counted by adapter, fusion and source: see
    `show`.
    """
    if click.get_current_context().invoked_subcommand is None:
        from stream_app.partitions.process import run_process
        from stream_app.quality.process import QualityProcess

        asyncio.run(run_process(settings, QualityProcess))


@quality.command("show")
@click.option(
    "--days",
    default=7,
    show_default=True,
    type=click.IntRange(1, KEPT_DAYS),
    help="How many days, the one of the newest list included.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings
def show_command(settings: Settings, days: int, as_json: bool) -> None:
    """Show click-through, hit rates and MRR of the lists, by adapter, fusion and source."""
    from stream_app.kafka.topics import require_topics
    from stream_app.quality.counts import counts_now
    from stream_app.quality.figures import figures
    from stream_app.quality.view import notes, places, sorted_parts, table

    asyncio.run(require_topics(settings, "quality"))
    totals = asyncio.run(counts_now(settings)).totals(days)
    if not totals:
        raise QualityError(
            "no list has been judged yet: run `stream-app quality`, and let users come back to "
            "their lists"
        )
    found = [figures(one) for one in sorted_parts(totals)]
    if as_json:
        for one in found:
            click.echo(orjson.dumps(one, option=orjson.OPT_NON_STR_KEYS).decode())
        return
    console = Console(highlight=False)
    console.print(table(found))
    console.print(places(found))
    has_intervals = found[0].hit_rate[1].low is not None
    for line in notes(days, has_intervals=has_intervals):
        console.print(line)
