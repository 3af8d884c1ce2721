from pathlib import Path

from benchmarks.baselines import ask, cut_of, read_log

HEAD = "user_id,item_id,rating,timestamp"


def written(folder: Path, rows: list[tuple[str, str, float, int]]) -> Path:
    lines = [HEAD, *(",".join(map(str, row)) for row in rows)]
    (folder / "log.csv").write_text("\n".join(lines))
    return folder / "log.csv"


def test_ratings_come_by_time_and_those_of_a_second_always_in_the_same_order_by_lot(tmp_path):
    rows = [("u", f"i{number}", 4.0, 100 - number // 20) for number in range(60)]
    log = read_log(written(tmp_path, rows))
    assert [one.occurred_at for one in log] == sorted(one.occurred_at for one in log)
    assert [one.item_id for one in log[:20]] != [f"i{number}" for number in range(40, 60)]
    assert log == read_log(tmp_path / "log.csv")


def test_the_cut_parts_no_second(tmp_path):
    rows = [("u", f"i{number}", 4.0, number // 4) for number in range(10)]
    assert cut_of(read_log(written(tmp_path, rows))) == 8
    rows = [("u", f"i{number}", 4.0, number // 3) for number in range(10)]
    assert cut_of(read_log(written(tmp_path, rows))) == 6


def test_asked_is_what_came_after_the_cut_was_liked_and_was_new_to_the_user(tmp_path):
    rows = [
        ("u", "old", 5.0, 0),
        ("v", "other", 3.0, 1),
        ("u", "new", 4.0, 2),
        ("u", "old", 5.0, 3),
        ("u", "bad", 3.5, 4),
        ("u", "other", 4.5, 5),
        ("u", "last", 4.5, 6),
    ]
    log = read_log(written(tmp_path, rows))
    asked = ask(log, 2, num_per_user=10)
    assert [(one.target, one.num_history, one.is_cold_item) for one in asked] == [
        ("new", 1, True),
        ("other", 4, False),
        ("last", 5, True),
    ]
    assert asked[0].seen == {"old"}
    assert len(ask(log, 2, num_per_user=2)) == 2
