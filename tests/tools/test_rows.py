import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet
import pytest

from schemas.item import Item
from stream_app.interaction_rows import to_interaction
from stream_app.item_rows import to_item
from stream_app.tables import TableError, read_rows

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_jsonl_rows_come_with_their_lines_and_bad_ones_as_errors(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"a": 1}\n\n{bad\n[1]\n{"a": 2}\n')
    rows = list(read_rows(file))
    assert [line for line, _ in rows] == [1, 3, 4, 5]
    assert [isinstance(row, TableError) for _, row in rows] == [False, True, True, False]


def test_empty_csv_fields_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('a,b\n1,\n"x, y",2\n')
    assert [row for _, row in read_rows(file)] == [{"a": "1"}, {"a": "x, y", "b": "2"}]


def test_a_csv_row_with_too_many_fields_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n1,2,3\n4,5\n")
    rows = [row for _, row in read_rows(file)]
    assert isinstance(rows[0], TableError)
    assert rows[1] == {"a": "4", "b": "5"}


@pytest.mark.parametrize("name", ["rows.txt", "nobody.jsonl"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(TableError, match=name):
        list(read_rows(tmp_path / name))


def test_a_movielens_row_is_a_rating() -> None:
    row = {"user_id": "383", "item_id": "21", "rating": "3.0", "timestamp": "789652009"}
    event = to_interaction(row, 2)
    assert (event.user_id, event.item_id, event.kind, event.rating) == ("383", "21", "rating", 3.0)
    assert event.occurred_at == datetime(1995, 1, 9, 11, 46, 49, tzinfo=UTC)
    assert to_interaction(row, 2).event_id == event.event_id
    assert to_interaction(row, 3).event_id != event.event_id


@pytest.mark.parametrize("timestamp", [1_767_225_600, "1767225600.0", 1_767_225_600_000])
def test_seconds_and_milliseconds_are_told_apart(timestamp: object) -> None:
    row = {"user_id": 5, "item_id": 7, "timestamp": timestamp}
    assert to_interaction(row, 1).occurred_at == AT


@pytest.mark.parametrize("timestamp", [-1, 4_102_444_800, 99_999_999_999, 1.8e15, "nan", "inf"])
def test_a_time_that_is_neither_is_refused_with_its_value(timestamp: object) -> None:
    row = {"user_id": 5, "item_id": 7, "timestamp": timestamp}
    with pytest.raises(TableError, match=re.escape(f"timestamp {float(timestamp):.15g} is")):
        to_interaction(row, 1)


def test_parquet_rows_are_those_of_the_same_table_as_jsonl(tmp_path: Path) -> None:
    rows = [
        {"user_id": 1, "item_id": "a", "occurred_at": AT, "kind": "like", "rating": None},
        {"user_id": 2, "item_id": "b", "occurred_at": AT, "kind": None, "rating": 3.5},
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "rows.parquet")
    lines = [{**row, "occurred_at": AT.isoformat()} for row in rows]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = [to_interaction(row, line) for line, row in read_rows(tmp_path / "rows.parquet")]
    expected = [to_interaction(row, line) for line, row in read_rows(tmp_path / "rows.jsonl")]
    without_ids = [one.model_copy(update={"event_id": "-"}) for one in found]
    assert without_ids == [one.model_copy(update={"event_id": "-"}) for one in expected]


def test_times_of_nanoseconds_are_read(tmp_path: Path) -> None:
    at = pyarrow.array([1_767_225_600_000_000_001], type=pyarrow.timestamp("ns"))
    pyarrow.parquet.write_table(pyarrow.table({"occurred_at": at}), tmp_path / "rows.parquet")
    assert list(read_rows(tmp_path / "rows.parquet")) == [
        (1, {"occurred_at": AT.replace(tzinfo=None)})
    ]


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_text("no")
    with pytest.raises(TableError, match=r"rows\.parquet"):
        list(read_rows(tmp_path / "rows.parquet"))


def test_ids_may_be_numbers_and_naive_times_are_utc() -> None:
    row = {"user_id": 5, "item_id": 7, "kind": "like", "occurred_at": "2026-01-01T00:00:00"}
    event = to_interaction(row, 1)
    assert (event.user_id, event.kind, event.occurred_at) == ("5", "like", AT)


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"item_id": "i"}, "user_id"),
        ({"user_id": None, "item_id": "i"}, "user_id"),
        ({"user_id": "u"}, "item_id"),
        ({"user_id": "u", "item_id": "i", "kind": "stare"}, "kind"),
        ({"user_id": "u", "item_id": "i", "rating": "many"}, "many"),
        ({"user_id": "u", "item_id": "i", "rating": 9}, "rating"),
        ({"user_id": "u", "item_id": "i", "timestamp": 1e30}, "timestamp"),
        ({"user_id": "u", "item_id": "i", "occurred_at": "soon"}, "soon"),
    ],
)
def test_a_bad_event_row_names_what_is_wrong(row: dict, named: str) -> None:
    with pytest.raises(TableError, match=named):
        to_interaction(row, 1)


def test_an_item_row_in_the_shape_of_movielens() -> None:
    row = {"item_id": 1, "title": "A film", "genres": ["Drama", "Comedy"], "image": "images/1.jpg"}
    item = to_item(row, "media", added_at=AT)
    assert (item.item_id, item.categories, item.added_at) == ("1", ("Drama", "Comedy"), AT)
    assert item.image is not None
    assert (item.image.bucket, item.image.key) == ("media", "images/1.jpg")


def test_an_item_row_in_the_shape_of_a_csv_export() -> None:
    row = {"item_id": "7", "title": "T", "categories": "a| b|", "price": "9.5", "available": "0"}
    item = to_item(row, "media", added_at=AT)
    assert (item.categories, item.price, item.available) == (("a", "b"), 9.5, False)


def test_an_item_as_its_topic_has_it_is_read_as_it_is() -> None:
    item = Item(item_id="7", title="T", categories=("a",), attributes={"colour": "red"})
    assert to_item(item.model_dump(mode="json"), "media", added_at=None) == item


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"title": "T"}, "item_id"),
        ({"item_id": 1}, "title"),
        ({"item_id": 1, "title": "T", "price": -1}, "price"),
        ({"item_id": 1, "title": "T", "price": "cheap"}, "cheap"),
        ({"item_id": 1, "title": "T", "attributes": "blue"}, "attributes"),
        ({"item_id": 1, "title": "T", "added_at": "2026-01-01"}, "added_at"),
    ],
)
def test_a_bad_item_row_names_what_is_wrong(row: dict, named: str) -> None:
    with pytest.raises(TableError, match=named):
        to_item(row, "media", added_at=AT)
