"""Reading a log and a catalogue for training."""

from pathlib import Path

import pytest
from finetune.rows import write_rows

from stream_app.finetune.errors import FinetuneError
from stream_app.finetune.sources import Sources, read_sources

ITEMS: list[dict[str, object]] = [{"item_id": n, "title": f"item {n}"} for n in range(20)]


def read(
    folder: Path, events: list[dict[str, object]], items: list[dict[str, object]] = ITEMS
) -> Sources:
    write_rows(folder / "events.jsonl", events)
    write_rows(folder / "items.jsonl", items)
    return read_sources(folder / "events.jsonl", folder / "items.jsonl", bucket="media", seed=7)


def event(item: int, at: int | None, **fields: object) -> dict[str, object]:
    row: dict[str, object] = {"user_id": "ada", "item_id": item, **fields}
    return row if at is None else {**row, "timestamp": at}


def test_events_come_in_the_order_of_time(tmp_path: Path) -> None:
    sources = read(tmp_path, [event(1, 30), event(2, 10), event(3, 20)])
    assert [one.item_id for one in sources.events] == ["2", "3", "1"]


def test_ties_are_neither_in_the_order_of_ids_nor_of_the_file(tmp_path: Path) -> None:
    found = [one.item_id for one in read(tmp_path, [event(n, 5) for n in range(20)]).events]
    assert sorted(found, key=int) != found != sorted(found)
    assert found == [one.item_id for one in read(tmp_path, [event(n, 5) for n in range(20)]).events]


def test_an_event_sent_twice_counts_once(tmp_path: Path) -> None:
    twice = [event(1, 1, event_id="a"), event(2, 2, event_id="a")]
    # The first, as live.
    assert [one.item_id for one in read(tmp_path, twice).events] == ["1"]


def test_unknown_items_are_left_out_and_named(tmp_path: Path) -> None:
    sources = read(tmp_path, [event(1, 1), event(99, 2)])
    assert len(sources.events) == 1
    assert "1 events of 1 items that are not in items.jsonl: 99" in sources.left_out[0]


def test_a_log_of_another_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FinetuneError, match=r"none of 1 events .* 99; its items: 0, 1, 2;"):
        read(tmp_path, [event(99, 2)])


def test_a_log_without_times_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FinetuneError, match=r"events.jsonl:1: no occurred_at and no timestamp"):
        read(tmp_path, [event(1, None)])


def test_hashes_are_of_the_files(tmp_path: Path) -> None:
    one = read(tmp_path, [event(1, 1)])
    other = read(tmp_path, [event(1, 2)])
    assert one.items_sha256 == other.items_sha256
    assert one.events_sha256 != other.events_sha256
