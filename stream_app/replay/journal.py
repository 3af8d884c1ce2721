"""Answers on disk, batch by batch: an interrupted replay goes on where it was.

`answers.jsonl` begins with a header that says what was replayed, by what; a line for each answer
follows. What an answer took is in `costs.jsonl`, because no two runs take the same time: the
answers of two equal replays are equal to the byte.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from schemas.codec import Poison, decode, encode
from schemas.ranking import RankedCandidate
from schemas.user_preference import UserPreference
from stream_app.replay.errors import ReplayError
from stream_app.replay.queries import RankedList

__all__ = [
    "ANSWERS",
    "COSTS",
    "WORK",
    "Answer",
    "Header",
    "InMemory",
    "Journal",
    "open_journal",
    "read_answers",
]

ANSWERS = "answers.jsonl"
COSTS = "costs.jsonl"
WORK = "work"
STATES = "states.sqlite"

# What was replayed, by what: equal headers, equal answers.
Header = Mapping[str, str | int | float | bool | None]

TABLES = """
CREATE TABLE IF NOT EXISTS state (user_id TEXT PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS place (
    row INTEGER PRIMARY KEY CHECK (row = 1), num_batches, answers_bytes, costs_bytes
);
"""


@dataclass(frozen=True)
class Answer:
    """A list, and what it had to do without; `candidates` are not kept on disk."""

    ranked: RankedList
    degraded: tuple[str, ...] = ()
    candidates: Sequence[RankedCandidate] = ()


class InMemory:
    """Answers that are needed once: a journal that keeps nothing."""

    def __init__(self) -> None:
        self.num_batches = 0
        self.states: dict[str, UserPreference] = {}
        self.answers: list[Answer] = []

    def write(self, states: Mapping[str, UserPreference], answers: Sequence[Answer]) -> None:
        """Keep a batch."""
        self.states.update(states)
        self.answers.extend(answers)


class Journal:
    """The files of one replay. After each batch, answers and states say the same.

    `states` are the users' after the last batch, `num_batches` how many are done.
    """

    def __init__(self, out: Path, database: sqlite3.Connection, num_batches: int) -> None:
        self._out = out
        self._database = database
        self.num_batches = num_batches
        self.states = dict(_states(out, database))

    def write(self, states: Mapping[str, UserPreference], answers: Sequence[Answer]) -> None:
        """Keep a batch: its answers, and the states behind it.

        The files come first: what they have more than the database knows of is cut off again.

        Raises:
            ReplayError: If it can't be written.
        """
        self.states.update(states)
        self.num_batches += 1
        rows = [(user_id, encode(state)) for user_id, state in states.items()]
        with _errors_translated(self._out), self._database:
            sizes = (
                _append(self._out / ANSWERS, map(_answer_line, answers)),
                _append(self._out / COSTS, map(_cost_line, answers)),
            )
            self._database.executemany("REPLACE INTO state VALUES (?, ?)", rows)
            place = 1, self.num_batches, *sizes
            self._database.execute("REPLACE INTO place VALUES (?, ?, ?, ?)", place)


@contextmanager
def open_journal(out: Path, header: Header) -> Iterator[Journal]:
    """Begin a replay in a folder, or go on with the same one. Nobody else may write there.

    Raises:
        ReplayError: If the folder has another replay or can't be written.
    """
    with _errors_translated(out):
        (out / WORK).mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(out / WORK / STATES, timeout=0)
    try:
        with _errors_translated(out):
            num_batches = _resumed(out, database, header)
        yield Journal(out, database, num_batches)
    finally:
        database.close()


def read_answers(out: Path) -> list[Answer]:
    """Return the answers in a folder with what they took, in the order in which they were made.

    Raises:
        ReplayError: If there are none, or they can't be read.
    """
    with _errors_translated(out):
        answers = (out / ANSWERS).read_bytes().splitlines()[1:]
        costs = (out / COSTS).read_bytes().splitlines()
        return [_answer(one, cost) for one, cost in zip(answers, costs, strict=True)]


def _resumed(out: Path, database: sqlite3.Connection, header: Header) -> int:
    """Bring files and states to the end of the last whole batch, and return its number."""
    # Kept until the connection is closed: a second process on this folder fails here.
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.executescript(f"BEGIN EXCLUSIVE; {TABLES} COMMIT;")
    head = orjson.dumps(dict(header)) + b"\n"
    found = _head(out / ANSWERS)
    if found is None:
        with database:
            database.execute("DELETE FROM state")
            database.execute("DELETE FROM place")
        (out / ANSWERS).write_bytes(head)
    elif found != header:
        raise ReplayError(_other_replay(out, found, header))
    place = database.execute("SELECT num_batches, answers_bytes, costs_bytes FROM place").fetchone()
    num_batches, answers_bytes, costs_bytes = place or (0, len(head), 0)
    _cut(out / ANSWERS, answers_bytes)
    _cut(out / COSTS, costs_bytes)
    return int(num_batches)


def _head(path: Path) -> dict[str, Any] | None:
    """Return the header of answers, None if there is none; it may have been cut off by a kill."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        line = file.readline()
    return dict(orjson.loads(line)) if line.endswith(b"\n") else None


def _other_replay(out: Path, found: Header, header: Header) -> str:
    name = next(name for name in [*header, *found] if found.get(name) != header.get(name))
    return (
        f"{out} has another replay: {name} is {found.get(name)} there and {header.get(name)} here; "
        f"name another --out, or delete that one"
    )


def _append(path: Path, lines: Iterator[bytes]) -> int:
    """Write lines, and return how long the file is then."""
    with path.open("ab") as file:
        file.writelines(lines)
        return file.tell()


def _cut(path: Path, size: int) -> None:
    path.touch()
    if path.stat().st_size < size:
        raise ReplayError(f"{path} has lost lines that were written: delete it and start anew")
    with path.open("r+b") as file:
        file.truncate(size)


def _states(out: Path, database: sqlite3.Connection) -> Iterator[tuple[str, UserPreference]]:
    for user_id, record in database.execute("SELECT user_id, record FROM state"):
        state = decode(UserPreference, record)
        if isinstance(state, Poison):
            raise ReplayError(f"{out / WORK / STATES}: {state.reason}: delete it and start anew")
        yield user_id, state


def _answer_line(answer: Answer) -> bytes:
    ranked = answer.ranked
    fields = {
        "query_id": ranked.query_id,
        "item_ids": ranked.item_ids,
        "scores": ranked.scores,
        "sources": ranked.sources,
        "degraded": answer.degraded,
    }
    return orjson.dumps(fields) + b"\n"


def _cost_line(answer: Answer) -> bytes:
    ranked = answer.ranked
    fields = {"query_id": ranked.query_id, "cost_s": ranked.cost_s, "tokens": ranked.tokens}
    return orjson.dumps(fields) + b"\n"


def _answer(line: bytes, cost_line: bytes) -> Answer:
    found, cost = orjson.loads(line), orjson.loads(cost_line)
    ranked = RankedList(
        query_id=found["query_id"],
        item_ids=tuple(found["item_ids"]),
        scores=tuple(found["scores"]),
        cost_s=cost["cost_s"],
        tokens=cost["tokens"],
        sources={item_id: tuple(names) for item_id, names in found["sources"].items()},
    )
    return Answer(ranked, tuple(found["degraded"]))


@contextmanager
def _errors_translated(out: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ReplayError(f"{out}: {error}; is another replay writing there?") from error
    except (OSError, ValueError, TypeError, KeyError, sqlite3.Error) as error:
        raise ReplayError(f"{out} can't be read or written: {error}") from error
