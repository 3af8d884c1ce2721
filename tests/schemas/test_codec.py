import os
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import EXAMPLES
from schemas.codec import MAX_RECORD_BYTES, Poison, decode, encode
from schemas.interaction import Interaction
from schemas.record import Record
from schemas.topics import TOPICS

GOLDEN = Path(__file__).parent / "golden"
RECORD_TYPES = [topic.value for topic in TOPICS if topic.value is not None]


def golden_file(record: Record) -> Path:
    version = record.model_dump()["schema_version"]
    return GOLDEN / f"{type(record).__name__}.v{version}.json"


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_a_record_written_by_this_version_is_what_the_golden_file_holds(record: Record) -> None:
    """To add a record version: WRITE_GOLDEN=1 make test, and look at what git says is new."""
    file = golden_file(record)
    if os.environ.get("WRITE_GOLDEN") and not file.exists():
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(orjson.dumps(orjson.loads(encode(record)), option=orjson.OPT_INDENT_2))
    assert orjson.loads(encode(record)) == orjson.loads(file.read_bytes())
    assert decode(type(record), file.read_bytes()) == record


def test_every_record_of_the_table_of_topics_has_a_golden_file() -> None:
    assert {type(record) for record in EXAMPLES} == set(RECORD_TYPES)


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_a_newer_writers_extra_field_is_ignored(record: Record) -> None:
    newer = orjson.loads(encode(record)) | {"field_of_tomorrow": 1}
    assert decode(type(record), orjson.dumps(newer)) == record


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_another_schema_version_is_refused_by_its_name(record: Record) -> None:
    other = orjson.loads(encode(record)) | {"schema_version": 99}
    poison = decode(type(record), orjson.dumps(other))
    assert isinstance(poison, Poison)
    assert poison.error == "UnknownSchemaVersion"
    assert "schema_version is not 1" in poison.reason


@pytest.mark.parametrize(
    ("raw", "error", "named"),
    [
        (b"", "MalformedJson", "not valid JSON"),
        (b"\xff\xfe", "MalformedJson", "not valid JSON"),
        (b'{"event_id": ', "MalformedJson", "not valid JSON"),
        (b"[1]", "InvalidRecord", "object"),
        (b"{}", "InvalidRecord", "event_id"),
        (b" " * (MAX_RECORD_BYTES + 1), "TooLarge", str(MAX_RECORD_BYTES)),
    ],
)
def test_bad_bytes_become_a_poison_that_says_why(raw: bytes, error: str, named: str) -> None:
    poison = decode(Interaction, raw)
    assert isinstance(poison, Poison)
    assert (poison.error, poison.raw) == (error, raw)
    assert named in poison.reason


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user_id", 7),
        ("user_id", ""),
        ("user_id", "x" * 257),
        ("user_id", "a\x00b"),
        ("occurred_at", "2026-01-01T00:00:00"),
        ("occurred_at", "soon"),
        ("kind", "stare"),
        ("rating", 5.5),
    ],
)
def test_a_wrong_value_is_named_by_its_field_and_never_shown(field: str, value: object) -> None:
    row = orjson.loads(encode(EXAMPLES[0])) | {field: value}
    poison = decode(Interaction, orjson.dumps(row))
    assert isinstance(poison, Poison)
    assert poison.error == "InvalidRecord"
    assert field in poison.reason
    assert "stare" not in poison.reason
    assert "soon" not in poison.reason


@given(raw=st.binary(max_size=300), record_type=st.sampled_from(RECORD_TYPES))
def test_reading_never_raises(raw: bytes, record_type: type[Record]) -> None:
    assert isinstance(decode(record_type, raw), Poison)


@given(
    edits=st.dictionaries(
        st.sampled_from(sorted(Interaction.model_fields)),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=5,
        ),
        min_size=1,
    )
)
def test_a_mutated_record_is_read_or_refused_and_what_is_read_is_written_again(
    edits: dict[str, object],
) -> None:
    row = orjson.loads(encode(EXAMPLES[0]))
    try:
        raw = orjson.dumps(row | edits)
    except TypeError:  # integers beyond 64 bits have no JSON by orjson
        return
    read = decode(Interaction, raw)
    assert isinstance(read, Poison) or decode(Interaction, encode(read)) == read
