"""`stream-app doctor`: the findings as a table for people or lines for programs."""

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stream_app.config import Settings
from stream_app.doctor.finding import Finding, Verdict
from stream_app.show import printable
from stream_app.supervise import PROCESSES
from stream_app.with_settings import with_settings

__all__ = ["doctor", "findings_table", "totals"]

STYLES = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.WRONG: "bold red"}


@click.command()
@click.argument("process", required=False, type=click.Choice(list(PROCESSES)))
@click.option("--json", "as_json", is_flag=True, help="One finding a line.")
@click.option(
    "--patience",
    default=300,
    show_default=True,
    type=click.IntRange(min=1),
    help="Seconds from which on an unread record, or silence after an event, is told.",
)
@with_settings
def doctor(settings: Settings, process: str | None, as_json: bool, patience: int) -> None:
    """Name what is wrong with the deployment, and what to do about it.

    Looks at brokers, topics, groups, dead letters and buckets, and at the model and the disk of
    this machine; changes nothing. With a PROCESS, at the buckets, model and disk of that one only:
    it need not have the keys and files of the others. Exit code 1 if something is wrong, 0 with
    warnings only.
    """
    from stream_app.doctor.examination import examine

    # What it logs of a broker that is away is in the findings.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    findings = asyncio.run(examine(settings, timedelta(seconds=patience), process=process))
    if as_json:
        for finding in findings:
            click.echo(orjson.dumps(finding).decode())
    else:
        console = Console()
        console.print(findings_table(findings))
        console.print(totals(findings))
    if any(finding.verdict is Verdict.WRONG for finding in findings):
        sys.exit(1)


def findings_table(findings: Sequence[Finding]) -> Table:
    """Return a row for each finding; names of others in it can't give the terminal orders."""
    table = Table("", "check", "what", box=None, header_style="dim")
    for one in findings:
        table.add_row(
            Text(one.verdict, style=STYLES[one.verdict]),
            Text(printable(one.check)),
            Text(printable(one.message)),
        )
    return table


def totals(findings: Sequence[Finding]) -> Text:
    """Return how many findings are how bad, worst first."""
    counts = Counter(one.verdict for one in findings)
    parts = [f"{counts[one]} {one}" for one in reversed(Verdict) if counts[one]]
    return Text(", ".join(parts))
