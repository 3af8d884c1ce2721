"""The report as Markdown, for terminals and pull requests; without plots and timelines."""

import re

from stream_app.evaluation.tables import Report, Table, tables

__all__ = ["markdown"]

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def markdown(report: Report) -> str:
    """Return the whole text; whatever a log or a catalogue says stays text."""
    verdicts = [f"- {_text(one.sentence)}" for one in report.results.verdicts]
    facts = {**report.facts, **report.versions}
    about = Table("How it was made", "", ("", ""), tuple(facts.items()))
    parts = [
        f"# {_text(report.title)}",
        "\n".join(verdicts),
        *map(_table, tables(report.results)),
        _table(about),
        "\n".join(f"    {line}" for line in report.command.splitlines()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(table: Table) -> str:
    lines = [
        f"| {' | '.join(map(_text, table.head))} |",
        f"|{'---|' * len(table.head)}",
        *(f"| {' | '.join(map(_text, row))} |" for row in table.rows),
    ]
    parts = [f"## {_text(table.caption)}", _text(table.note), "\n".join(lines)]
    return "\n\n".join(part for part in parts if part)


def _text(text: str) -> str:
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))
