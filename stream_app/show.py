"""How topics, progress and recommendations look in a terminal."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as ProgressBars
from rich.table import Table
from rich.text import Text

from schemas.recommendation import Recommendation
from schemas.topics import Topics
from stream_app.kafka.topics import TopicState

__all__ = [
    "Progress",
    "plain",
    "printable",
    "progress_bars",
    "recommendation_view",
    "topic_table",
]

# Called with what is going on, how much is done, and of how much (None: nobody knows).
Progress = Callable[[str, int, int | None], None]


@contextmanager
def progress_bars(*, shown: bool = True) -> Iterator[Progress]:
    """Show a bar for each thing that the yielded function is told about.

    Its name ends at a comma; what stands behind may change.
    """
    bars: dict[str, TaskID] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with ProgressBars(*columns, console=Console(stderr=True), disable=not shown) as progress:

        def show(what: str, done: int, total: int | None) -> None:
            name = what.partition(",")[0]
            if name not in bars:
                bars[name] = progress.add_task(what, total=total)
            progress.update(bars[name], description=what, completed=done, total=total)

        yield show


def topic_table(topics: Topics, states: Mapping[str, TopicState]) -> Table:
    """Return the table of topics beside what the broker has of them."""
    table = Table("topic", "key", "record", "cleanup", "partitions", "written by", "null value")
    for topic in topics:
        state = states[topic.name]
        partitions = str(state.num_partitions) if state.num_partitions else "[red]missing[/red]"
        value = topic.value.__name__ if topic.value else "the original bytes"
        table.add_row(
            topic.name,
            topic.key,
            value,
            topic.cleanup,
            partitions,
            topic.written_by,
            topic.null_value or "refused",
        )
    return table


def recommendation_view(recommendation: Recommendation) -> RenderableType:
    """Return a list with its cause, the summary it rests on, and each item's reason."""
    trigger = recommendation.trigger
    head = Text.from_markup(
        f"[bold]{plain(recommendation.user_id)}[/bold] "
        f"[cyan]{trigger.kind}[/cyan] {plain(trigger.title)}"
    )
    summary = Text.from_markup(
        plain(recommendation.summary or "(no summary before the first block)"), style="italic"
    )
    table = Table("#", "item", "score", "reason", "source", box=None, header_style="dim")
    for item in recommendation.items:
        table.add_row(
            str(item.rank),
            plain(item.title),
            f"{item.score:.3f}",
            plain(item.reason),
            plain(", ".join(item.sources)),
        )
    notes = [Text(f"degraded: {reason}", style="yellow") for reason in recommendation.degraded]
    return Group(head, summary, table, *notes)


def plain(text: str) -> str:
    """Return the text so that neither rich nor the terminal takes any of it for an order."""
    return escape(printable(text))


def printable(text: str) -> str:
    """Return the text so that the terminal takes none of it for an order."""
    return "".join(one if one.isprintable() else " " for one in text)
