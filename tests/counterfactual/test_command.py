"""`stream-app counterfactual` as a user meets it."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result
from counterfactual.simulation import by_taste, simulate

from schemas.codec import encode
from stream_app.counterfactual.command import counterfactual
from stream_app.counterfactual.errors import CounterfactualError
from stream_app.fusion.file import write_weights


def run(folder: Path, *options: str, share: float = 0.5) -> Result:
    world = simulate(400, share=share, seed=3)
    (folder / "lists.jsonl").write_bytes(
        b"\n".join([*map(encode, world.lists), encode(world.lists[0]), b"{}"])
    )
    (folder / "events.jsonl").write_bytes(b"\n".join(map(encode, world.events)))
    write_weights(folder / "fusion.json", by_taste())
    files = {
        "--recommendations": "lists.jsonl",
        "--events": "events.jsonl",
        "--fusion": "fusion.json",
    }
    arguments = [word for name, file in files.items() for word in (name, str(folder / file))]
    return CliRunner(env={"COLUMNS": "140"}).invoke(
        counterfactual, [*arguments, *options], catch_exceptions=False
    )


def test_the_table_has_both_policies_and_says_what_it_rests_on(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.exit_code == 0
    assert "by taste, SNIPS" in done.stdout
    assert "of place 3" in done.stdout
    assert "400 lists of 50 users; 0 more (0.0%) without support" in done.stdout
    assert "no weight is clipped" in done.stdout
    assert "effective sample size below 100: do not rely on the intervals" in done.stdout
    assert "left out: lists.jsonl:402: Recommendation:" in done.stderr


def test_json_has_the_same_twice(tmp_path: Path) -> None:
    once, again = run(tmp_path, "--json", "--clip", "20"), run(tmp_path, "--json", "--clip", "20")
    assert once.stdout == again.stdout
    found = orjson.loads(once.stdout)
    assert (found["policy"], found["clip"], found["num_lists"]) == ("by taste", 20, 400)
    assert found["gain_snips"]["low"] < found["gain_snips"]["value"] < found["gain_snips"]["high"]
    assert len(found["of_places"]) == 3


def test_nothing_explored_ends_with_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(CounterfactualError, match="STREAM_APP_EXPLORATION"):
        run(tmp_path, share=0)
