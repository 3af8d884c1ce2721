"""Summaries that are kept: each is written once, and they are those of the engine itself."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from models.engine import SummaryRequest, Taste
from models.errors import EngineError
from models.weightless import WeightlessEngine
from schemas.versions import Versions
from stream_app.offline.cache import Cache
from stream_app.offline.remembering import RememberingEngine


class Counting(WeightlessEngine):
    """Counts what it writes."""

    def __init__(self) -> None:
        self.num_written = 0

    def summarise(self, requests: Sequence[SummaryRequest]) -> list[str]:
        self.num_written += len(requests)
        return super().summarise(requests)


def request(number: int) -> SummaryRequest:
    return SummaryRequest("", (f"liked Item {number}",), Taste((f"colour={number}",)))


ASKED = [request(1), request(2), request(1), request(3)]


def test_equal_requests_are_written_once_and_answered_in_order(tmp_path: Path) -> None:
    counting = Counting()
    engine = RememberingEngine(counting, Cache(tmp_path / "summaries.jsonl"))
    assert engine.summarise(ASKED) == WeightlessEngine().summarise(ASKED)
    assert engine.summarise([request(4), request(2)]) == WeightlessEngine().summarise(
        [request(4), request(2)]
    )
    assert counting.num_written == 4


def test_a_second_run_writes_none_and_another_model_all(tmp_path: Path) -> None:
    path, second, other = tmp_path / "summaries.jsonl", Counting(), Counting()
    other.versions = Versions(model="other", prompt="p")
    first = RememberingEngine(Counting(), Cache(path)).summarise(ASKED)
    assert RememberingEngine(second, Cache(path)).summarise(ASKED) == first
    assert second.num_written == 0
    RememberingEngine(other, Cache(path)).summarise(ASKED)
    assert other.num_written == 3


def test_a_failure_is_not_kept(tmp_path: Path) -> None:
    class Failing(WeightlessEngine):
        def summarise(self, requests: Sequence[SummaryRequest]) -> list[str]:
            raise EngineError("no")

    cache = Cache(tmp_path / "summaries.jsonl")
    with pytest.raises(EngineError, match="no"):
        RememberingEngine(Failing(), cache).summarise(ASKED)
    assert RememberingEngine(Counting(), cache).summarise(ASKED)[0]
