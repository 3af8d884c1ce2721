"""Reading a log and a catalogue."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from rows import write_rows
from stream_app.offline.columns import parse_columns
from stream_app.offline.files import LogFiles, find_files
from stream_app.offline.sources import Sources, read_sources
from stream_app.tables import TableError

ITEMS: list[dict[str, object]] = [{"item_id": n, "title": f"item {n}"} for n in range(20)]


def read(
    folder: Path, events: list[dict[str, object]], items: list[dict[str, object]] = ITEMS
) -> Sources:
    write_rows(folder / "events.jsonl", events)
    write_rows(folder / "items.jsonl", items)
    files = LogFiles(folder / "events.jsonl", folder / "items.jsonl", folder)
    return read_sources(files, bucket="media", seed=7)


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
    sources = read(tmp_path, twice)
    assert [one.item_id for one in sources.events] == ["1"]
    assert sources.left_out.named == ["events.jsonl:2: event_id a came before"]


def test_unknown_items_are_left_out_and_named(tmp_path: Path) -> None:
    sources = read(tmp_path, [event(1, 1), event(99, 2)])
    assert len(sources.events) == 1
    assert "1 events of 1 items that are not in items.jsonl: 99" in sources.left_out.named[0]


def test_a_log_of_another_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"none of 1 events .* 99; its items: 0, 1, 2;"):
        read(tmp_path, [event(99, 2)])


def test_a_log_without_times_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"events.jsonl:1: no occurred_at and no timestamp"):
        read(tmp_path, [event(1, None)])


def test_hashes_are_of_the_files(tmp_path: Path) -> None:
    one = read(tmp_path, [event(1, 1)])
    other = read(tmp_path, [event(1, 2)])
    assert one.items_sha256 == other.items_sha256
    assert one.events_sha256 != other.events_sha256


def test_what_comes_later_changes_nothing_of_the_order_before(tmp_path: Path) -> None:
    events = [event(n, 5) for n in range(20)]
    before = [one.item_id for one in read(tmp_path, events).events]
    more = read(tmp_path, [*events, event(3, 6), event(4, 7)]).events
    assert [one.item_id for one in more[:20]] == before


def test_lines_that_cannot_be_used_are_all_counted_and_the_first_named(tmp_path: Path) -> None:
    bad = [event(1, 9_000_000_000)] * 20
    left_out = read(tmp_path, [event(1, 1), *bad]).left_out
    assert left_out.num_lines == 20
    assert left_out.named[0].startswith("events.jsonl:2: timestamp 9000000000 is neither")
    assert len(left_out.named) == 5
    assert left_out.told()[-1] == "left out: 20 lines in all"


MOVIELENS = {
    "interactions.csv": "user_id,item_id,rating,timestamp\n1,10,4.0,789652009\n",
    "items.jsonl": '{"item_id": 10, "title": "GoldenEye (1995)", "genres": ["Action"]}\n',
    "ratings.csv": "userId,movieId,rating,timestamp\n1,10,4.0,789652009\n",
    "movies.csv": 'movieId,title,genres\n10,"GoldenEye (1995)",Action\n',
    "ratings.dat": "1::10::4::789652009\n",
    "movies.dat": "10::GoldenEye (1995)::Action\n",
}


@pytest.mark.parametrize(
    "names",
    [
        ("interactions.csv", "items.jsonl"),
        ("ratings.csv", "movies.csv"),
        ("ratings.dat", "movies.dat"),
    ],
    ids=" ".join,
)
def test_a_folder_of_movielens_is_read_as_it_comes(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in names:
        (tmp_path / name).write_text(MOVIELENS[name])
    sources = read_sources(find_files(tmp_path), bucket="media", seed=7)
    (one,) = sources.events
    assert (one.user_id, one.item_id, one.kind, one.rating) == ("1", "10", "rating", 4.0)
    assert one.occurred_at == datetime(1995, 1, 9, 11, 46, 49, tzinfo=UTC)
    film = sources.items["10"]
    assert (film.title, film.categories) == ("GoldenEye (1995)", ("Action",))
    assert film.added_at == datetime(1995, 1, 1, tzinfo=UTC)
    assert sources.left_out.told() == []


def test_old_movielens_is_in_its_encoding_and_its_bad_lines_are_named(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text(MOVIELENS["ratings.dat"] + "1::10\n")
    titles = "10::Les Misérables (1995)::(no genres listed)\n"
    (tmp_path / "movies.dat").write_bytes(titles.encode("latin-1"))
    sources = read_sources(find_files(tmp_path), bucket="media", seed=7)
    assert sources.items["10"].title == "Les Misérables (1995)"
    assert sources.items["10"].categories == ()
    assert sources.left_out.named == ["ratings.dat:2: 2 fields, not 4"]


def test_a_folder_of_anything_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"expected interactions.csv with items.jsonl, or ratings"):
        find_files(tmp_path)


def test_a_log_without_its_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="--items"):
        find_files(tmp_path / "log.csv")


def test_columns_of_other_names_are_told_by_options(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("who,what,when,id\na,1,2026-01-01T00:00:00,x\n,1,2,y\n")
    write_rows(tmp_path / "items.jsonl", ITEMS)
    columns = parse_columns(["user=who", "item=what", "time=when", "event=id"])
    files = find_files(tmp_path / "log.csv", items=tmp_path / "items.jsonl", columns=columns)
    sources = read_sources(files, bucket="media", seed=7)
    (one,) = sources.events
    assert (one.user_id, one.item_id, one.event_id) == ("a", "1", "x")
    assert one.occurred_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert sources.left_out.named == ["log.csv:3: no column 'who'; there are: what, when, id"]


@pytest.mark.parametrize("option", ["user", "user=", "who=userId", "=userId"])
def test_an_option_that_maps_no_column_is_refused(option: str) -> None:
    with pytest.raises(TableError, match=r"such as user=userId; names are user, item, time"):
        parse_columns([option])


POSTERS = Path(__file__).parents[3] / "shared" / "data" / "movielens-posters"


@pytest.mark.data
@pytest.mark.skipif(not POSTERS.is_dir(), reason="the measuring data is not beside the checkout")
def test_movielens_with_posters_is_read_to_the_last_line() -> None:
    sources = read_sources(find_files(POSTERS), bucket="media", seed=7)
    assert (len(sources.events), len(sources.items)) == (85_003, 9_066)
    assert len({event.user_id for event in sources.events}) == 573
    assert sources.left_out.told() == []
    times = [event.occurred_at for event in sources.events]
    assert times == sorted(times)
    # A third of the ratings share a time with another of their user: in no order of items.
    tied = [
        int(one.item_id) < int(two.item_id)
        for one, two in pairwise(sources.events)
        if (one.user_id, one.occurred_at) == (two.user_id, two.occurred_at)
    ]
    assert len(tied) > 10_000
    assert 0.48 < sum(tied) / len(tied) < 0.52
