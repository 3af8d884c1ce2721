"""`stream-app dead-letters`: see what was refused, have it processed again, or put it away."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace

import click
from aiokafka import ConsumerRecord

from schemas.dead_letter import LetterId
from stream_app.config import Settings
from stream_app.dead_letters.errors import DeadLetterError
from stream_app.dead_letters.letters import Letter, Selection, find_letter, read_letters
from stream_app.dead_letters.options import LETTER_ID, with_selection
from stream_app.dead_letters.redrive import Report, discard, redrive, redrive_without_writing
from stream_app.dead_letters.view import (
    as_json,
    counted,
    letter_console,
    letter_table,
    letter_text,
    num_by_error,
)
from stream_app.kafka.topics import require_topics
from stream_app.show import Progress, printable, progress_bars
from stream_app.with_settings import with_settings

__all__ = ["dead_letters"]

NUM_SHOWN = 100
MAX_SHOWN_LEFT = 10

Settle = Callable[[Settings, Iterable[LetterId], Progress], Coroutine[None, None, Report]]


@click.group("dead-letters")
def dead_letters() -> None:
    """See what could not be processed, have it processed again, or put it away."""


@dead_letters.command("list")
@click.option("--all", "with_settled", is_flag=True, help="Those that are dealt with as well.")
@click.option("--limit", type=click.IntRange(min=1), help=f"Only the newest; a table: {NUM_SHOWN}.")
@click.option("--json", "in_json", is_flag=True, help="One JSON object a line.")
@with_settings
@with_selection
def list_command(
    settings: Settings,
    selection: Selection | None,
    with_settled: bool,
    limit: int | None,
    in_json: bool,
) -> None:
    """Show the open letters, oldest first, and how many there are of each error."""
    found = _read(settings, selection or Selection(), with_settled=with_settled)
    if in_json:
        for one in found[-limit:] if limit else found:
            # Plain ASCII: nothing in it is an order for a terminal.
            click.echo(json.dumps(as_json(one)))
        return
    console = letter_console()
    console.print(letter_table(found[-(limit or NUM_SHOWN) :]))
    console.print(num_by_error(found))


@dead_letters.command("show")
@click.argument("letter_id", type=LETTER_ID, metavar="ID")
@with_settings
def show_command(settings: Settings, letter_id: LetterId) -> None:
    """Show letter ID and the record in it: key, headers, and value as JSON or bytes."""

    async def find() -> tuple[Letter, ConsumerRecord]:
        await require_topics(settings)
        return await find_letter(settings, letter_id)

    letter, record = asyncio.run(find())
    console = letter_console()
    for line in letter_text(letter, record):
        console.print(line, soft_wrap=True)


@dead_letters.command("redrive")
@click.argument("ids", nargs=-1, type=LETTER_ID, metavar="[ID]...")
@click.option("--dry-run", is_flag=True, help="Say what would be sent where, and send nothing.")
@click.option("--yes", is_flag=True, help="Don't ask before letters are taken by filters.")
@with_settings
@with_selection
def redrive_command(
    settings: Settings,
    selection: Selection | None,
    ids: tuple[LetterId, ...],
    dry_run: bool,
    yes: bool,
) -> None:
    """Send the records of letters back to where they came from: those with an ID, or by filters.

    Each is sent once, however often this is called. What can't be sent stays and is named. All
    open letters: --until 0s.
    """
    if dry_run:
        chosen = _chosen(settings, selection, ids)
        _say(asyncio.run(redrive_without_writing(settings, chosen)), "would be redriven")
        return
    _settle(settings, selection, ids, redrive, "redriven", yes=yes)


@dead_letters.command("discard")
@click.argument("ids", nargs=-1, type=LETTER_ID, metavar="[ID]...")
@click.option("--yes", is_flag=True, help="Don't ask before letters are taken by filters.")
@with_settings
@with_selection
def discard_command(
    settings: Settings, selection: Selection | None, ids: tuple[LetterId, ...], yes: bool
) -> None:
    """Put letters away without sending their records: those with an ID, or by filters.

    Their bytes stay on the topic until its retention takes them.
    """
    _settle(settings, selection, ids, discard, "discarded", yes=yes)


def _settle(
    settings: Settings,
    selection: Selection | None,
    ids: tuple[LetterId, ...],
    settle: Settle,
    settled_as: str,
    *,
    yes: bool,
) -> None:
    chosen = _chosen(settings, selection, ids)
    if not chosen:
        click.echo("no open letter is like that")
        return
    if not ids and not yes:
        click.confirm(f"{counted(len(chosen))} will be {settled_as}; go on?", abort=True)
    with progress_bars() as progress:
        report = asyncio.run(settle(settings, chosen, progress))
    _say(report, settled_as)
    if report.left:
        raise DeadLetterError(
            f"left as they are, for the reasons above: {counted(len(report.left))}; "
            "`stream-app dead-letters show ID` shows one"
        )


def _chosen(
    settings: Settings, selection: Selection | None, ids: tuple[LetterId, ...]
) -> Sequence[LetterId]:
    """Return the letters that are named or described; those that are both, if both is given."""
    if selection is None:
        if not ids:
            raise click.UsageError("name letters by ID, or describe them, such as by --error")
        asyncio.run(require_topics(settings))
        return ids
    described = replace(selection, ids=frozenset(ids) or None)
    return [one.letter_id for one in _read(settings, described)]


def _read(settings: Settings, selection: Selection, *, with_settled: bool = False) -> list[Letter]:
    async def read() -> list[Letter]:
        await require_topics(settings)
        return await read_letters(settings, selection, with_settled=with_settled)

    return asyncio.run(read())


def _say(report: Report, settled_as: str) -> None:
    for line in report.left[:MAX_SHOWN_LEFT]:
        click.echo(f"left: {printable(line)}", err=True)
    if len(report.left) > MAX_SHOWN_LEFT:
        click.echo(f"left: {len(report.left) - MAX_SHOWN_LEFT} more", err=True)
    sent = "".join(f", {number} to {topic}" for topic, number in sorted(report.sent.items()))
    click.echo(f"{counted(report.num_settled)} {settled_as}{sent}")
    if report.num_settled_before:
        click.echo(f"settled before: {counted(report.num_settled_before)}")
