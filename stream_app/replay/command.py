"""`stream-app replay`: nothing but wiring."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stream_app.config import Settings
from stream_app.with_settings import with_settings

if TYPE_CHECKING:
    from stream_app.replay.ablations import Ablation
    from stream_app.replay.job import Protocol, Seen

__all__ = ["replay"]

DATE = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@click.command()
@click.argument("log", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--protocol",
    type=click.Choice(["temporal", "prequential", "paper"]),
    default="temporal",
    show_default=True,
    help="What is asked of the log; see above.",
)
@click.option(
    "--items",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The catalogue, as for `catalog load`; a MovieLens folder has its own.",
)
@click.option(
    "--pictures",
    "--images",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that the items' image paths are relative to; default: the catalogue's own.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="NAME=COLUMN",
    help="Where the log's columns have other names: user, item, time, kind, rating or event, such "
    "as user=userId; once for each.",
)
@click.option("--users", type=click.IntRange(min=1), help="Only so many, drawn at random.")
@click.option(
    "--queries-per-user", type=click.IntRange(min=1), help="Only so many of each, the newest."
)
@click.option(
    "--test-share",
    type=click.FloatRange(0, 0.9, min_open=True),
    default=0.1,
    show_default=True,
    help="Part of the events, the newest, that lies after the cut of temporal and paper.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=7,
    show_default=True,
    help="Draws users and negatives, and orders events of one time.",
)
@click.option(
    "--from",
    "start",
    type=DATE,
    help="Only events from then on, a log of their own: 2026-11-21, or 2026-11-21T10:00:00; UTC.",
)
@click.option("--until", "end", type=DATE, help="Only events before then.")
@click.option(
    "--last",
    "last_days",
    type=click.FloatRange(0, min_open=True),
    help="Only the newest events: so many days up to the last one.",
)
@click.option(
    "--seen",
    type=click.Choice(["all", "as-live"]),
    help="What a list leaves out: all that its user has met (default), or the newest 16 and 200 "
    "bought, rated or disliked, as live (always so through Kafka).",
)
@click.option(
    "--through",
    type=click.Choice(["kafka"]),
    help="Send the events through topics and processes; see below.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    help="With --through: so many times as fast as the log's clock; default: flat out.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for answers and report.",
)
@click.option(
    "--learn-fusion",
    "learns_fusion",
    is_flag=True,
    help="Learn from before the cut how much model and sources count; see STREAM_APP_FUSION.",
)
@click.option(
    "--without",
    type=click.Choice(["pictures", "summary", "recurrence", "model", "signals"]),
    multiple=True,
    help="Answer once more without this part, and show both; may be given again.",
)
@click.option(
    "--timeline",
    "timelines",
    metavar="USER",
    multiple=True,
    help="Show this user in the report, event by event; may be given again. Default: three.",
)
@click.option(
    "--baselines/--no-baselines",
    default=True,
    show_default=True,
    help="Learn the baselines beside it, a minute or two for 100,000 events.",
)
@with_settings
def replay(
    settings: Settings,
    log: Path,
    *,
    protocol: "Protocol",
    items: Path | None,
    pictures: Path | None,
    columns: tuple[str, ...],
    users: int | None,
    queries_per_user: int | None,
    test_share: float,
    seed: int,
    start: datetime | None,
    end: datetime | None,
    last_days: float | None,
    seen: "Seen | None",
    through: str | None,
    speed: float | None,
    out: Path,
    learns_fusion: bool,
    without: "tuple[Ablation, ...]",
    timelines: tuple[str, ...],
    baselines: bool,
) -> None:
    """Answer a historic LOG as the product would have, to see how good its lists are.

    \b
    stream-app replay ml-latest-small --users 50 --out report
    stream-app replay events.jsonl --items items.jsonl --protocol prequential --out report
    stream-app replay log.parquet --items items.csv --column user=uid --column time=ts --out report
    stream-app replay events.jsonl --items items.jsonl --last 30 --through kafka --out report
    The first run: STREAM_APP_ENGINE=weightless takes no model, and tells whether all is read.

    LOG is a file (.jsonl as on the topic or as for `send`, .csv, .parquet) or a folder of MovieLens
    as it comes. Times are ISO, or unix seconds or milliseconds. Events go through the same step as
    live, in the order of their times, with the engine and the options of STREAM_APP_ variables; no
    Kafka and no object storage is needed, but with --through. Events of one time come in an order
    drawn by the seed.

    \b
    temporal     one cut in time for all: after it, each item that a user first met and liked is
                 to be found in the whole catalogue
    prequential  the same over the whole log: first the list, then the event; with
                 --learn-fusion over what is after the cut
    paper        as temporal, among 20 items drawn at random: to compare with MLLM-MSR's tables

    Nothing is told of the future: an answer knows only the events before its query, a list has
    only items that were there and that the user had not met, and every run checks its queries for
    leaks.

    \b
    OUT gets  report/         index.html, report.json, report.md: the lists measured, and those of
                              seven baselines that know what the product knows
              answers.jsonl   a header that says what was replayed, then a list for each query
              costs.jsonl     what each list took
              fusion.json     with --learn-fusion the weights, for STREAM_APP_FUSION
              without/        with --without the same of each part that was taken away
              queries.jsonl   what was asked, and what the user then did
              work/           states, to go on from

    With --through kafka the lists are those that agents, worker and signals write, started here on
    your Kafka and object storage, under a prefix, groups and a bucket of their own that are removed
    at the end: a running deployment sees nothing of it. For `temporal` they are the lists of
    --seen as-live, digit for digit; a model whose last digits depend on its batches may change near
    places. For `prequential` the counts may be some events behind, as live. It costs more: each
    event is answered, asked about or not, each item is read once more, and two engines are loaded.
    A user without an event has no list live; that query is answered as without Kafka. Interrupted,
    it begins anew.

    Interrupted, the same command goes on where it was. What the model reads in an item and the
    summaries that it writes are kept below STREAM_APP_HOME, for other replays too: what a list
    took is without them then. The same log and options give the same bytes.
    """  # noqa: D301  # \b keeps click from running the lines together
    # Slow imports, which the other commands don't need.
    from stream_app.offline.columns import parse_columns
    from stream_app.offline.files import find_files
    from stream_app.replay.answered import run_job
    from stream_app.replay.job import Job
    from stream_app.replay.part import Part
    from stream_app.replay.protocols import Sample
    from stream_app.replay.report import report
    from stream_app.show import progress_bars

    files = find_files(log, items=items, pictures=pictures, columns=parse_columns(columns))
    if learns_fusion and protocol == "paper":
        raise click.UsageError("--learn-fusion needs the whole catalogue: not for `paper`")
    if through and without:
        raise click.UsageError("--without is for replays in this process: not with --through")
    if through and protocol == "paper":
        raise click.UsageError("--through kafka has lists of the whole catalogue: not for `paper`")
    if through and seen == "all":
        raise click.UsageError("--through kafka leaves out what live does: --seen as-live")
    if speed and not through:
        raise click.UsageError("--speed is for --through kafka: else there is no clock")
    sample = Sample(users, queries_per_user, seed)
    job = Job(
        files,
        protocol,
        out,
        sample,
        test_share,
        learns_fusion,
        without,
        timelines,
        part=Part(
            None if start is None else start.replace(tzinfo=UTC),
            None if end is None else end.replace(tzinfo=UTC),
            None if last_days is None else timedelta(days=last_days),
        ),
        seen=seen or ("as-live" if through else "all"),
        through_kafka=through is not None,
        speed=speed,
    )
    with progress_bars() as progress:
        done = run_job(
            job, settings, progress=progress, tell=lambda line: click.echo(line, err=True)
        )
        told = report(done, job, baselines=baselines, progress=progress)
    num_users = len({query.user_id for query in done.queries})
    num_cold_users = sum(query.num_history == 0 for query in done.queries)
    num_cold_items = sum(query.is_cold_item for query in done.queries)
    click.echo(
        f"{out}: {len(done.queries)} queries of {num_users} users answered; {num_cold_users} of "
        f"them before the user's first event, {num_cold_items} before the item's"
    )
    click.echo(told)
