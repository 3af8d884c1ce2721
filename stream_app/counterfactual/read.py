"""The lists that were shown and what users did: from files, or from the topics themselves."""

from collections.abc import Iterator
from pathlib import Path

from models.fusion import Blend
from schemas.codec import Poison, decode
from schemas.interaction import Interaction
from schemas.recommendation import Recommendation
from stream_app.config import Settings
from stream_app.counterfactual.logged import Logged, logged
from stream_app.interaction_rows import to_interaction
from stream_app.kafka.reading import read_to_end
from stream_app.kafka.topics import require_topics
from stream_app.offline.sources import LeftOut
from stream_app.show import Progress
from stream_app.tables import Row, TableError, read_rows

__all__ = ["events_in_file", "events_on_topic", "lists_in_file", "lists_on_topic"]

NUM_BETWEEN_TOLD = 1_000


def lists_in_file(path: Path, blend: Blend, left_out: LeftOut) -> Iterator[Logged]:
    """Yield the lists of a file that has a record of the recommendations topic in each line.

    Raises:
        TableError: If the file can't be read.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                one = decode(Recommendation, line)
                if isinstance(one, Poison):
                    left_out.add(f"{path.name}:{number}: {one.reason}")
                else:
                    yield logged(one, blend)
    except OSError as error:
        raise TableError(f"{path}: {error}") from error


def events_in_file(path: Path, left_out: LeftOut) -> Iterator[Interaction]:
    """Yield the interactions of a file as for `send`; one without a time is left out.

    Raises:
        TableError: If the file can't be read.
    """
    for number, row in read_rows(path):
        try:
            yield _event(row, number)
        except TableError as error:
            left_out.add(f"{path.name}:{number}: {error}")


async def lists_on_topic(
    settings: Settings, blend: Blend, left_out: LeftOut, progress: Progress
) -> list[Logged]:
    """Return the lists that the recommendations topic holds now.

    Raises:
        MissingTopicsError: If there is no such topic.
    """
    await require_topics(settings)
    topic, lists = settings.topics.recommendations.name, list[Logged]()
    async for record in read_to_end(settings, topic):
        one = decode(Recommendation, record.value or b"")
        if isinstance(one, Poison):
            left_out.add(f"{topic} {record.partition}:{record.offset}: {one.reason}")
        else:
            lists.append(logged(one, blend))
        if len(lists) % NUM_BETWEEN_TOLD == 0:
            progress("lists", len(lists), None)
    return lists


async def events_on_topic(
    settings: Settings, left_out: LeftOut, progress: Progress
) -> list[Interaction]:
    """Return the interactions that their topic holds now, without those of null values.

    Raises:
        MissingTopicsError: If there is no such topic.
    """
    await require_topics(settings)
    topic, events = settings.topics.interactions.name, list[Interaction]()
    async for record in read_to_end(settings, topic):
        if record.value is None:
            continue
        one = decode(Interaction, record.value)
        if isinstance(one, Poison):
            left_out.add(f"{topic} {record.partition}:{record.offset}: {one.reason}")
        else:
            events.append(one)
        if len(events) % NUM_BETWEEN_TOLD == 0:
            progress("events", len(events), None)
    return events


def _event(row: Row | TableError, line: int) -> Interaction:
    if isinstance(row, TableError):
        raise row
    # `send` takes it for an event of this moment.
    if row.get("occurred_at") is None and row.get("timestamp") is None:
        raise TableError("no occurred_at and no timestamp: before or after which list?")
    return to_interaction(row, line)
