from datetime import UTC, datetime
from pathlib import Path

import pytest

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
