from datetime import timedelta

import pytest

from schemas.dead_letter import LetterId
from stream_app.config import Settings
from stream_app.dead_letters import letters
from stream_app.dead_letters.errors import DeadLetterError
from stream_app.dead_letters.letters import Selection, find_letter, num_letters, read_letters
from tests.dead_letters.written import NOON, letter, marker, record, topic_in_memory

SETTINGS = Settings()
ALL = Selection()


@pytest.fixture
def holds(monkeypatch: pytest.MonkeyPatch):
    """Say what the topic holds."""
    return lambda *records: monkeypatch.setattr(letters, "read_to_end", topic_in_memory(records))


async def ids(selection: Selection = ALL, **options: bool) -> list[str]:
    return [str(one.letter_id) for one in await read_letters(SETTINGS, selection, **options)]


async def test_letters_come_oldest_first_whatever_their_partition(holds) -> None:
    holds(letter("0:5", minutes=3), letter("1:2", minutes=1), letter("1:3", minutes=3))
    assert await ids() == ["1:2", "0:5", "1:3"]


async def test_a_letter_is_open_until_a_marker_settles_it(holds) -> None:
    holds(letter("0:0"), letter("0:1"), marker("0:2", "0:0", "discarded"), letter("1:0"))
    assert await ids() == ["0:1", "1:0"]
    every = await read_letters(SETTINGS, Selection(), with_settled=True)
    assert {str(one.letter_id): one.settled_as for one in every} == {
        "0:0": "discarded",
        "0:1": None,
        "1:0": None,
    }


async def test_what_a_later_version_did_with_a_letter_settles_it(holds) -> None:
    holds(letter("0:0"), marker("0:1", "0:0", "archived"))
    assert await ids() == []


@pytest.mark.parametrize(
    "strange",
    [
        record("0:1", []),
        record("0:1", [("dlq.settles", b"everything")]),
        record("0:1", [("dlq.settles", None)]),
        record("0:1", [("dlq.topic", b"interactions")]),
    ],
)
async def test_what_is_neither_letter_nor_marker_changes_nothing(holds, strange) -> None:
    holds(letter("0:0"), strange)
    assert await ids() == ["0:0"]
    assert await num_letters(SETTINGS) == 1


async def test_a_letter_of_no_date_is_none(holds) -> None:
    strange = letter("0:1")
    object.__setattr__(strange, "timestamp", 1 << 62)
    holds(letter("0:0"), strange)
    assert await ids() == ["0:0"]


async def test_markers_are_not_counted_as_letters(holds) -> None:
    holds(letter("0:0"), letter("0:1"), marker("0:2", "0:0"))
    assert await num_letters(SETTINGS) == 2


@pytest.mark.parametrize(
    ("selection", "fitting"),
    [
        (Selection(), ["0:0", "0:1", "0:2"]),
        (Selection(ids=frozenset()), []),
        (Selection(ids=frozenset({LetterId(0, 2), LetterId(9, 9)})), ["0:2"]),
        (Selection(error="MalformedJson"), ["0:1"]),
        (Selection(error="malformedjson"), []),
        (Selection(topics=frozenset({"items", "rankings"})), ["0:2"]),
        (Selection(stage="worker"), ["0:1"]),
        (Selection(since=NOON + timedelta(minutes=1)), ["0:1", "0:2"]),
        (Selection(until=NOON + timedelta(minutes=1)), ["0:0"]),
        (Selection(stage="ingest", since=NOON + timedelta(minutes=1)), ["0:2"]),
    ],
)
async def test_letters_are_chosen_by_all_that_is_given(holds, selection, fitting) -> None:
    holds(
        letter("0:0"),
        letter("0:1", minutes=1, error="MalformedJson", stage="worker"),
        letter("0:2", minutes=2, topic="items"),
    )
    assert await ids(selection) == fitting


async def test_one_letter_comes_with_its_record_and_what_became_of_it(holds) -> None:
    holds(letter("0:0"), letter("0:1"), marker("0:2", "0:1"))
    found, whole = await find_letter(SETTINGS, LetterId(0, 1))
    assert (found.settled_as, whole.offset) == ("redriven", 1)


@pytest.mark.parametrize("missing", ["0:2", "0:9", "7:0"])
async def test_a_letter_that_is_not_there_is_named(holds, missing) -> None:
    holds(letter("0:0"), letter("0:1"), marker("0:2", "0:1"))
    with pytest.raises(DeadLetterError, match=f"no letter {missing}; see .* list --all"):
        await find_letter(SETTINGS, LetterId.parse(missing))
