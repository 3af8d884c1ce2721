"""`stream-app replay` as a user meets it."""

import csv
from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from replay.logs import NUM_ITEMS, SHOP, event, in_order

from rows import write_rows
from schemas.codec import encode
from stream_app.cli import commands
from stream_app.replay.command import replay
from stream_app.replay.errors import ReplayError
from stream_app.replay.journal import ANSWERS
from stream_app.tables import TableError

LOG = in_order([event(n, f"u{n % 6}", (7 * n + n // 6) % NUM_ITEMS) for n in range(90)])
POSTERS = Path(__file__).parents[3] / "shared" / "data" / "movielens-posters"

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on a log, into a folder, with what a model read kept in a home of its own."""
    monkeypatch.setenv("STREAM_APP_ENGINE", "weightless")
    monkeypatch.setenv("STREAM_APP_HOME", str(tmp_path / "home"))
    write_rows(tmp_path / "items.jsonl", [one.model_dump(mode="json") for one in SHOP.values()])

    def run_it(log: Path, out: str = "report", *options: object) -> Result:
        arguments = ["--no-baselines", log, "--out", tmp_path / out, *options]
        if log.is_file():
            arguments += ["--items", tmp_path / "items.jsonl"]
        return CliRunner().invoke(replay, [str(one) for one in arguments], catch_exceptions=False)

    return run_it


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The log as its topic's records."""
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(encode(one) for one in LOG))
    return tmp_path / "log.jsonl"


def lines(path: Path) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_what_was_asked_lies_beside_what_was_answered(run: Run, log: Path) -> None:
    done = run(log, "report", "--test-share", 0.3)
    assert done.exit_code == 0
    out = log.parent / "report"
    head, *answers = lines(out / ANSWERS)
    queries = lines(out / "queries.jsonl")
    assert done.stdout.startswith(f"{out}: {len(queries)} queries of 6 users answered;")
    assert {one["query_id"] for one in answers} == {one["query_id"] for one in queries}
    assert (head["protocol"], head["model"]) == ("temporal", "weightless-1")
    assert len(lines(out / "costs.jsonl")) == len(answers) > 10
    assert "left out" not in done.stderr


def test_the_report_has_ours_first_and_seven_baselines(run: Run, log: Path) -> None:
    # The protocol under which baselines learn most often.
    done = run(log, "report", "--baselines", "--protocol", "prequential", "--queries-per-user", 5)
    folder = log.parent / "report" / "report"
    found = orjson.loads((folder / "report.json").read_bytes())
    names = [one["name"] for one in found["results"]["systems"]]
    assert names[0] == "stream-app"
    assert len(names) == 8
    assert f"{folder / 'index.html'}: NDCG@10 stream-app 0." in done.stdout
    assert all(name in (folder / "index.html").read_text() for name in names)
    assert found["facts"]["protocol"] == "prequential"


@pytest.mark.parametrize("protocol", ["temporal", "paper"])
def test_the_report_names_its_protocol(run: Run, log: Path, protocol: str) -> None:
    run(log, "report", "--protocol", protocol, "--test-share", 0.3)
    found = orjson.loads((log.parent / "report" / "report" / "report.json").read_bytes())
    assert found["facts"]["protocol"] == protocol
    assert [one["name"] for one in found["results"]["systems"]] == ["stream-app"]


def test_weights_are_learned_before_the_cut_and_used_behind_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "long.jsonl"
    long = in_order([event(n, f"u{n % 40}", (3 * n + n // 40) % NUM_ITEMS) for n in range(1600)])
    log.write_bytes(b"\n".join(encode(one) for one in long))
    done = run(log, "learned", "--learn-fusion")
    learned = tmp_path / "learned"
    (head, *_), weights = (
        lines(learned / ANSWERS),
        orjson.loads((learned / "fusion.json").read_bytes()),
    )
    assert done.exit_code == 0
    assert head["blend"] == weights["name"] != "even"
    # What lies behind the cut changes nothing in them.
    other = [*long[:1440], *(one.model_copy(update={"item_id": "i1"}) for one in long[1440:])]
    log.write_bytes(b"\n".join(encode(one) for one in other))
    run(log, "other", "--learn-fusion")
    assert (tmp_path / "other" / "fusion.json").read_bytes() == (
        learned / "fusion.json"
    ).read_bytes()
    monkeypatch.setenv("STREAM_APP_FUSION", str(learned / "fusion.json"))
    run(log, "with")
    assert lines(tmp_path / "with" / ANSWERS)[0]["blend"] == weights["name"]


def test_a_csv_with_other_names_and_a_parquet_file_give_the_answers_of_the_topics_records(
    run: Run, log: Path
) -> None:
    rows = [one.model_dump(exclude={"schema_version", "rating"}) for one in LOG]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), log.parent / "log.parquet")
    with (log.parent / "log.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["uid", "item_id", "ms", "kind", "event_id"])
        for one in LOG:
            at = int(one.occurred_at.timestamp() * 1000)
            writer.writerow([one.user_id, one.item_id, at, one.kind, one.event_id])
    run(log, "records", "--test-share", 0.3)
    run(log.parent / "log.parquet", "parquet", "--test-share", 0.3)
    mapped = ["--column", "user=uid", "--column", "time=ms"]
    run(log.parent / "log.csv", "csv", "--test-share", 0.3, *mapped)
    records, parquet, table = (
        (log.parent / name / ANSWERS).read_bytes().split(b"\n", 1)[1]
        for name in ("records", "parquet", "csv")
    )
    assert records == parquet == table != b""


@pytest.mark.parametrize("protocol", ["temporal", "prequential", "paper"])
def test_the_same_command_again_changes_nothing_and_another_is_refused(
    run: Run, log: Path, protocol: str
) -> None:
    options = ["--protocol", protocol, "--users", 3, "--queries-per-user", 2]
    # More than the defaults leave of so short a log.
    options += ["--test-share", 0.5]
    first = run(log, "report", *options)
    before = (log.parent / "report" / ANSWERS).read_bytes()
    again = run(log, "report", *options)
    assert first.stdout == again.stdout
    assert f"{6} queries of 3 users" in first.stdout
    assert (log.parent / "report" / ANSWERS).read_bytes() == before
    with pytest.raises(ReplayError, match="another replay: seed is 7 there and 8 here"):
        run(log, "report", *options, "--seed", 8)


def test_what_the_model_read_is_kept_for_the_next_replay(run: Run, log: Path) -> None:
    run(log, "one")
    cache = log.parent / "home" / "replay" / "profiles.jsonl"
    read = cache.read_bytes()
    assert read.count(b"\n") == NUM_ITEMS
    run(log, "two", "--protocol", "prequential")
    assert cache.read_bytes() == read


def test_pictures_come_from_a_folder_and_count(run: Run, log: Path) -> None:
    shown = [one.model_dump(mode="json") for one in SHOP.values()]
    shown[0]["image"], shown[1]["image"] = "red.png", "lost.png"
    write_rows(log.parent / "items.jsonl", shown)
    (log.parent / "shown").mkdir()
    with pytest.raises(TableError, match=r"none of 2 pictures is in .*--pictures"):
        run(log, "blind", "--pictures", log.parent / "shown")
    Image.new("RGB", (9, 9), "red").save(log.parent / "shown" / "red.png")
    one = run(log, "one", "--images", log.parent / "shown")
    assert "1 pictures are not in" in one.stderr
    Image.new("RGB", (9, 9), "blue").save(log.parent / "shown" / "red.png")
    run(log, "two", "--images", log.parent / "shown")
    (head, *_), (other, *_) = (lines(log.parent / name / ANSWERS) for name in ("one", "two"))
    # The profile rests on the picture: another picture, another replay.
    assert head["profiles"] != other["profiles"]
    assert {name for name in head if head[name] != other[name]} == {"profiles"}


def test_lines_that_cannot_be_used_are_told(run: Run, log: Path) -> None:
    log.write_bytes(log.read_bytes() + b'\n{bad\n{"user_id": "u", "item_id": "i1"}\n')
    done = run(log)
    assert done.exit_code == 0
    assert "left out: log.jsonl:91: not valid JSON" in done.stderr
    assert "left out: log.jsonl:92: no occurred_at" in done.stderr
    assert "left out: 2 lines in all" in done.stderr


def test_a_log_that_nothing_can_be_asked_of_is_refused(run: Run, log: Path) -> None:
    disliked = [one.model_copy(update={"kind": "dislike"}) for one in LOG]
    log.write_bytes(b"\n".join(encode(one) for one in disliked))
    with pytest.raises(ReplayError, match="none of 90 events can be asked about"):
        run(log)


def test_a_part_is_replayed_as_a_log_of_its_own(run: Run, log: Path) -> None:
    middle = [one for one in LOG if 20 <= int(one.event_id[1:]) < 70]
    options = ["--protocol", "prequential"]
    day = f"{middle[0].occurred_at:%Y-%m-%dT%H:%M:%S}", f"{LOG[70].occurred_at:%Y-%m-%dT%H:%M:%S}"
    run(log, "part", *options, "--from", day[0], "--until", day[1])
    run(log, "newest", *options, "--until", day[1], "--last", 2)
    log.write_bytes(b"\n".join(map(encode, middle)))
    run(log, "alone", *options)
    log.write_bytes(b"\n".join(map(encode, LOG[22:70])))
    run(log, "last", *options)
    part, alone, newest, last = (
        lines(log.parent / name / ANSWERS) for name in ("part", "alone", "newest", "last")
    )
    assert part[0]["from"] == "2026-01-01T20:00:00+00:00"
    assert newest[0]["last_days"] == 2
    assert part[1:] == alone[1:] != []
    assert newest[1:] == last[1:] != []


def test_lists_as_live_may_have_what_a_user_met_long_ago(run: Run, log: Path) -> None:
    views = [event(n, "ada", n % 38, "view") for n in range(60)]
    likes = [event(60, "ada", 38), event(61, "ada", 39)]
    log.write_bytes(b"\n".join(map(encode, in_order([*views, *likes]))))
    run(log, "all")
    run(log, "live", "--seen", "as-live")
    every, live = (lines(log.parent / name / ANSWERS) for name in ("all", "live"))
    assert (every[0]["seen"], live[0]["seen"]) == ("all", "as-live")
    met = {one.item_id for one in views}
    # All but two have been met: nothing else is left to list.
    assert not met & {item_id for one in every[1:] for item_id in one["item_ids"]}
    newest = {one.item_id for one in views[-14:]}
    listed = {item_id for one in live[1:] for item_id in one["item_ids"]}
    assert met & listed
    assert not newest & listed


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--through", "kafka", "--protocol", "paper"], "not for `paper`"),
        (["--through", "kafka", "--seen", "all"], "--seen as-live"),
        (["--speed", 2], "--speed is for --through kafka"),
    ],
)
def test_options_that_exclude_each_other_are_told(
    run: Run, log: Path, options: list[object], why: str
) -> None:
    done = run(log, "report", *options)
    assert done.exit_code == 2
    assert why in done.stderr


def test_help_teaches() -> None:
    shown = CliRunner().invoke(commands, ["replay", "--help"]).stdout
    for word in (
        "temporal",
        "prequential",
        "paper",
        "MovieLens",
        "answers.jsonl",
        "goes on",
        "kafka",
    ):
        assert word in shown
    assert any(line.strip().startswith("stream-app replay") for line in shown.splitlines())


@pytest.mark.data
@pytest.mark.skipif(not POSTERS.is_dir(), reason="the measuring data is not beside the checkout")
def test_movielens_with_posters_is_replayed_as_it_comes(run: Run, tmp_path: Path) -> None:
    done = run(POSTERS, "report", "--protocol", "paper", "--users", 2, "--queries-per-user", 5)
    assert done.exit_code == 0
    answers = lines(tmp_path / "report" / ANSWERS)[1:]
    assert 2 <= len(answers) <= 10
    assert all(len(one["item_ids"]) == 21 for one in answers)


def test_ours_without_a_part_stands_beside_the_whole(run: Run, log: Path) -> None:
    parts = ["signals", "model", "summary", "recurrence", "pictures"]
    run(
        log,
        "report",
        "--test-share",
        0.3,
        *(word for part in parts for word in ("--without", part)),
    )
    out = log.parent / "report"
    found = orjson.loads((out / "report" / "report.json").read_bytes())
    names = [one["name"] for one in found["results"]["systems"]]
    assert names == ["stream-app", *(f"stream-app without {part}" for part in parts)]
    _, *whole = lines(out / ANSWERS)
    heads = {}
    for part in parts:
        heads[part], *rest = lines(out / "without" / part / ANSWERS)
        assert len(rest) == len(whole)
        # The shop has no pictures, and its summaries say little.
        assert (rest != whole) == (part in {"signals", "model"}) or part in {
            "summary",
            "recurrence",
        }
    proposed = {
        name
        for one in lines(out / "without" / "signals" / ANSWERS)[1:]
        for of in one["sources"].values()
        for name in of
    }
    assert not {"transitions", "popular"} & proposed
    assert heads["model"]["ranked_by"] == "prior"
    assert heads["summary"]["summaries"] == "none"
    assert heads["recurrence"]["summaries"] == "one-shot"


def test_with_weights_to_learn_prequential_asks_behind_the_cut(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "long.jsonl"
    long = in_order([event(n, f"u{n % 40}", (3 * n + n // 40) % NUM_ITEMS) for n in range(1600)])
    log.write_bytes(b"\n".join(encode(one) for one in long))
    run(log, "learned", "--learn-fusion", "--protocol", "prequential", "--test-share", 0.1)
    positions = [one["position"] for one in lines(tmp_path / "learned" / "queries.jsonl")]
    assert min(positions) >= 1440


def test_the_report_shows_users_event_by_event(run: Run, log: Path) -> None:
    run(log, "report", "--test-share", 0.3, "--timeline", "u3", "--timeline", "u1")
    out = log.parent / "report"
    shown = orjson.loads((out / "report" / "report.json").read_bytes())["timelines"]
    assert [one["user_id"] for one in shown] == ["u3", "u1"]
    titles = {item_id: item.title for item_id, item in SHOP.items()}
    own = [one for one in LOG if one.user_id == "u3"]
    moments = shown[0]["moments"]
    assert [one["title"] for one in moments] == [titles[one.item_id] for one in own[: len(moments)]]
    lists = {one["query_id"]: one["item_ids"] for one in lines(out / ANSWERS)[1:]}
    for moment, following in zip(moments, own[1:], strict=False):
        expected = [titles[item_id] for item_id in lists.get(following.event_id, [])[:10]]
        assert moment["listed"] == expected
    assert moments[-1]["summary"]
    assert any(one["took"] for one in moments)


def test_a_timeline_of_a_user_who_was_not_asked_about_is_refused(run: Run, log: Path) -> None:
    with pytest.raises(ReplayError, match="no query is about user nobody"):
        run(log, "report", "--test-share", 0.3, "--timeline", "nobody")
