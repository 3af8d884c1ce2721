"""Fuzzed records to every topic, a few of each kind; `make fuzz` sends a hundred thousand."""

import pytest

from benchmarks.fuzz import __main__ as fuzz
from benchmarks.fuzz.pictures import hostile_pictures
from benchmarks.fuzz.records import fuzzed
from conftest import HOME
from records import interaction
from schemas.codec import Poison, decode
from schemas.interaction import Interaction


@pytest.mark.kafka
def test_whatever_comes_is_processed_or_set_aside(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setenv("STREAM_APP_HOME", str(HOME))
    with pytest.raises(SystemExit) as ended:
        fuzz.main(["--records", "1000", "--pictures", "40", "--keep", str(tmp_path)])
    assert ended.value.code == 0, capsys.readouterr()


def test_what_is_sent_is_mostly_wrong_and_the_same_for_a_seed() -> None:
    valid = [(b"ada", interaction(number)) for number in range(5)]
    sent = list(fuzzed(valid, 500, seed=1))
    bad = [value for _, value in sent if value and isinstance(decode(Interaction, value), Poison)]
    assert 250 < len(bad) < 480
    assert len({value for _, value in sent}) > 300
    assert sent == list(fuzzed(valid, 500, seed=1))
    assert list(hostile_pictures(30, seed=1)) == list(hostile_pictures(30, seed=1))
