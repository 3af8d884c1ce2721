"""`stream-app`: one command for each process and tool. Nothing but wiring.

Results go to stdout, logs to stderr. Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn

import click
import orjson
from aiokafka.errors import KafkaError
from rich.console import Console

from models.errors import EngineError
from schemas.codec import encode
from stream_app.adapters.commands import adapters
from stream_app.config import Settings, SettingsError
from stream_app.counterfactual.command import counterfactual
from stream_app.counterfactual.errors import CounterfactualError
from stream_app.dead_letters.commands import dead_letters
from stream_app.dead_letters.errors import DeadLetterError
from stream_app.doctor.command import doctor
from stream_app.embedded.errors import EmbeddedError
from stream_app.finetune.command import finetune
from stream_app.finetune.errors import FinetuneError
from stream_app.fusion.commands import fusion
from stream_app.fusion.errors import FusionError
from stream_app.image_errors import ImageError, StorageUnavailableError
from stream_app.kafka.access import next_step
from stream_app.kafka.static_member import FencedInstanceError
from stream_app.kafka.topics import MissingTopicsError, create_topics, describe_topics
from stream_app.partitions.errors import StoreError
from stream_app.quality.command import quality
from stream_app.quality.errors import QualityError
from stream_app.replay.command import replay
from stream_app.replay.errors import ReplayError
from stream_app.supervise import AGENTS, run_together
from stream_app.tables import TableError
from stream_app.with_settings import with_settings

__all__ = ["main"]

KNOWN_ERRORS = (
    SettingsError,
    MissingTopicsError,
    EmbeddedError,
    TableError,
    FinetuneError,
    ReplayError,
    CounterfactualError,
    ImageError,
    StorageUnavailableError,
    EngineError,
    DeadLetterError,
    FencedInstanceError,
    StoreError,
    FusionError,
    QualityError,
    KafkaError,
)
MAX_SHOWN_ERRORS = 10


def main() -> None:
    """Run the command line; errors that have a next step are shown without a traceback."""
    try:
        commands.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except KNOWN_ERRORS as error:
        _fail(f"{str(error) or type(error).__name__}{next_step(error)}")


def _fail(message: str) -> NoReturn:
    click.echo(f"stream-app: {message}", err=True)
    sys.exit(1)


def _run(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401  # as the coroutine returns
    return asyncio.run(work)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="stream-app", prog_name="stream-app")
def commands() -> None:
    """Clicks on Kafka in, recommendations with reasons on Kafka out.

    \b
    Look at it:         stream-app demo
    On one machine:     stream-app up, then the lines that it prints
    On your Kafka:      export KAFKA_BOOTSTRAP_SERVERS=host:9092 S3_ENDPOINT=host:9000
                        stream-app topics create
                        stream-app agents          (one terminal)
                        stream-app worker          (another)
                        stream-app signals         (a third; better lists, not needed)
                        stream-app quality         (a fourth; tells what comes of the lists)
    """  # noqa: D301  # \b keeps click from running the lines together


@commands.command()
@with_settings
def setup(settings: Settings) -> None:
    """Fetch Kafka's jars and assemble the default model, once."""
    from stream_app.embedded.jars import install_kafka
    from stream_app.engine import assemble_default_model

    install_kafka(settings.home, progress=click.echo)
    assemble_default_model(settings, progress=click.echo)
    click.echo(f"ready: {settings.home}")


@commands.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder for what is stored.")
@with_settings
def up(settings: Settings, data: Path | None) -> None:
    """Run Kafka and S3 on this machine until Ctrl-C, without containers.

    Prints the addresses as shell lines, for the terminals of the other processes; they are new
    ones at every start. With KAFKA_BOOTSTRAP_SERVERS or S3_ENDPOINT set, only the other is run.
    """
    from stream_app.local import stack_for

    if {"kafka_bootstrap_servers", "s3_endpoint"} <= settings.model_fields_set:
        raise SettingsError(
            "KAFKA_BOOTSTRAP_SERVERS and S3_ENDPOINT are set, so there is nothing to run; unset "
            "them for a Kafka and an S3 on this machine"
        )

    stopped = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stopped.set())
    with stack_for(settings, data or settings.home / "stack") as stack:
        for name, value in stack.environment().items():
            # A secret that the environment gave is not for the terminal.
            if name != "S3_SECRET_KEY" or os.environ.get(name) != value:
                click.echo(f"export {name}={value}")
        click.echo("# ready; Ctrl-C stops both", err=True)
        stopped.wait()


@commands.group()
def topics() -> None:
    """Create and show the topics."""


@topics.command("create")
@with_settings
def topics_create(settings: Settings) -> None:
    """Create the topics that are missing; existing ones are left as they are."""
    created = _run(create_topics(settings))
    for name in created:
        click.echo(f"created {name}")
    click.echo(f"{len(created)} created, {len(list(settings.topics)) - len(created)} there before")


@topics.command("list")
@with_settings
def topics_list(settings: Settings) -> None:
    """Print the topics' names, in the order of the flow."""
    for topic in settings.topics:
        click.echo(topic.name)


@topics.command("describe")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings
def topics_describe(settings: Settings, as_json: bool) -> None:
    """Show what each topic carries, and how the broker has it."""
    from stream_app.show import topic_table

    states = {state.name: state for state in _run(describe_topics(settings))}
    if as_json:
        for topic in settings.topics:
            value = topic.value.__name__ if topic.value else None
            shown = {"name": topic.name, "key": topic.key, "value": value}
            shown |= {"cleanup": topic.cleanup, "written_by": topic.written_by}
            shown |= {"partitions": states[topic.name].num_partitions}
            click.echo(orjson.dumps(shown).decode())
        return
    Console().print(topic_table(settings.topics, states))


@commands.command()
@click.argument(
    "names", nargs=-1, type=click.Choice(list(AGENTS)), metavar=f"[{'|'.join(AGENTS)}]..."
)
@with_settings
def agents(settings: Settings, names: tuple[str, ...]) -> None:
    """Run the named agents, all three if none is named, until SIGTERM or Ctrl-C.

    One name runs in this process; several run as processes of their own that stop together.
    """
    if len(names) == 1:
        from stream_app.agents.run import run_agent

        run_agent(names[0], settings)
        return
    run_together({name: AGENTS[name] for name in names or AGENTS}, settings)


@commands.command()
@with_settings
def worker(settings: Settings) -> None:
    """Run the worker: states, summaries, rankings and item profiles, until SIGTERM or Ctrl-C."""
    from stream_app.worker.run import run_worker

    _run(run_worker(settings))


@commands.command()
@with_settings
def signals(settings: Settings) -> None:
    """Count what users go on to and what is popular, as it happens, until SIGTERM or Ctrl-C."""
    from stream_app.partitions.process import run_process
    from stream_app.signals.process import SignalsProcess

    _run(run_process(settings, SignalsProcess))


@commands.group()
def catalog() -> None:
    """Manage the items that can be recommended."""


@catalog.command("load")
@click.argument("items", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--pictures",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that the rows' image paths are relative to; default: the file's own.",
)
@click.option(
    "--again", is_flag=True, help="Write unchanged items too: a new model reads them anew."
)
@with_settings
def catalog_load(settings: Settings, items: Path, pictures: Path | None, again: bool) -> None:
    """Load ITEMS (.jsonl, .csv, .parquet) and their pictures into object storage and their topic.

    \b
    Columns: item_id, title; and if there are any: description, categories (or genres: a list, or
    separated by "|"), attributes (JSON object), image (path), price, available, added_at.

    Loading the same file again changes nothing.
    """  # noqa: D301  # \b keeps click from running the lines together
    from stream_app.catalog import load_catalogue
    from stream_app.show import progress_bars

    with progress_bars() as progress:
        report = _run(
            load_catalogue(
                settings, items, pictures or items.parent, again=again, progress=progress
            )
        )
    click.echo(
        f"{report.num_items} items, {report.num_written} written; "
        f"{report.num_pictures} pictures, {report.num_uploaded} uploaded, "
        f"{len(report.missing_pictures)} missing"
    )
    for key in report.missing_pictures[:MAX_SHOWN_ERRORS]:
        click.echo(f"missing picture: {key} (neither a file nor in the bucket)", err=True)
    _exit_with(report.errors)


@commands.command()
@click.argument("events", type=click.Path(path_type=Path))
@click.option("--limit", type=click.IntRange(min=1), help="Send only the first lines.")
@with_settings
def send(settings: Settings, events: Path, limit: int | None) -> None:
    """Send EVENTS (.jsonl, .csv, .parquet, or - for JSONL on stdin) to the interactions topic.

    \b
    Columns: user_id, item_id; and if there are any: kind (view, click, like, dislike, purchase,
    rating; default click), rating (0 to 5), occurred_at (ISO) or timestamp (unix seconds or
    milliseconds; default now), event_id (default: made of the row and its line, so a file sent
    again counts once).
    """  # noqa: D301  # \b keeps click from running the lines together
    from stream_app.send import send_interactions
    from stream_app.show import progress_bars

    with progress_bars() as progress:
        report = _run(
            send_interactions(
                settings, events, limit=limit, progress=lambda sent: progress("events", sent, None)
            )
        )
    click.echo(f"{report.num_sent} events sent")
    _exit_with(report.errors)


@commands.command()
@click.option("--user", help="Only this user.")
@click.option("--follow", is_flag=True, help="Go on with every new list, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One record a line, as on the topic.")
@with_settings
def recommend(settings: Settings, user: str | None, follow: bool, as_json: bool) -> None:
    """Show recommendations as a subscriber reads them: the latest of each user, or live."""
    from stream_app.recommend import latest_recommendations, subscribed
    from stream_app.show import recommendation_view

    console = Console()

    async def show() -> int:
        num_shown = 0
        latest = [] if follow else await latest_recommendations(settings)
        for one in latest:
            num_shown += _show(one)
        if follow:
            async with subscribed(settings) as lists:
                async for one in lists:
                    num_shown += _show(one)
        return num_shown

    def _show(one: Any) -> bool:  # noqa: ANN401
        if user is not None and one.user_id != user:
            return False
        if as_json:
            click.echo(encode(one).decode())
        else:
            console.print(recommendation_view(one))
        return True

    if _run(show()) == 0:
        _fail(f"no recommendation yet{f' for user {user}' if user else ''}")


@commands.command()
@click.option("--shoppers", default=3, show_default=True, type=click.IntRange(1, 1000))
@click.option(
    "--events",
    default=30,
    show_default=True,
    type=click.IntRange(1),
    help="Events after which it ends.",
)
@click.option(
    "--items",
    default=96,
    show_default=True,
    type=click.IntRange(10, 100_000),
    help="Garments of the drawn catalogue.",
)
@click.option("--forever", is_flag=True, envvar="DEMO_FOREVER", help="Go on until Ctrl-C.")
@with_settings
def demo(settings: Settings, shoppers: int, events: int, items: int, forever: bool) -> None:
    """Start everything, let simulated shoppers click, and watch one of them.

    Kafka, S3, the agents and the worker run on this machine and stop with the demo; with
    KAFKA_BOOTSTRAP_SERVERS or S3_ENDPOINT set it uses yours, with topics of its own. The shoppers'
    catalogue is drawn; its titles don't tell colour or pattern.
    """
    from stream_app.demo.run import run_demo

    _run(
        run_demo(
            settings, num_shoppers=shoppers, num_items=items, num_events=None if forever else events
        )
    )


commands.add_command(adapters)
commands.add_command(counterfactual)
commands.add_command(dead_letters)
commands.add_command(doctor)
commands.add_command(finetune)
commands.add_command(fusion)
commands.add_command(quality)
commands.add_command(replay)


def _exit_with(errors: list[str]) -> None:
    """Show what was left out, and fail if there is any."""
    for error in errors[:MAX_SHOWN_ERRORS]:
        click.echo(f"left out: {error}", err=True)
    if len(errors) > MAX_SHOWN_ERRORS:
        click.echo(f"left out: {len(errors) - MAX_SHOWN_ERRORS} more", err=True)
    if errors:
        sys.exit(1)
