"""Histories -> prompts: nothing of what is asked may be in them, and nothing is paid for twice."""

import re
from collections.abc import Sequence
from pathlib import Path

from models.catalogue import Catalogue
from models.engine import ScoreRequest, SummaryRequest
from models.errors import EngineError
from models.step import StepInput, StepOptions, step
from models.weightless import WeightlessEngine
from records import interaction, item, source
from schemas.interaction import Interaction
from schemas.item_profile import ItemProfile
from schemas.user_preference import UserPreference
from stream_app.finetune.examples import Example, Histories
from stream_app.finetune.states import score_requests
from stream_app.offline.cache import Cache
from stream_app.offline.pictures import with_picture
from stream_app.offline.profiles import read_profiles
from stream_app.offline.remembering import RememberingEngine

ITEMS = [item(number) for number in range(12)]


class Recorder(WeightlessEngine):
    """Remembers what it was asked to score, and counts summaries."""

    def __init__(self) -> None:
        self.scored: list[ScoreRequest] = []
        self.num_summaries = 0

    def summarise(self, requests: Sequence[SummaryRequest]) -> list[str]:
        self.num_summaries += len(requests)
        return super().summarise(requests)

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        self.scored += requests
        return super().score(requests)


def profiles(tmp_path: Path) -> dict[str, ItemProfile]:
    cache = Cache(tmp_path / "profiles.jsonl")
    return read_profiles(WeightlessEngine(), ITEMS, tmp_path, cache, progress=lambda *_: None)


def history(num_events: int = 10, user: str = "ada") -> tuple[Interaction, ...]:
    return tuple(
        interaction(number, user=user, item=f"i{number}", kind="like")
        for number in range(num_events)
    )


def example(num_before: int, user: str = "ada") -> Example:
    own = history(user=user)
    return Example(
        user, num_before, (f"i{num_before}",), ("i11",), ends_at=own[num_before].occurred_at
    )


def requests(
    tmp_path: Path,
    histories: Histories,
    examples: Sequence[Example],
    engine: WeightlessEngine | None = None,
) -> list[ScoreRequest]:
    return score_requests(
        RememberingEngine(engine or WeightlessEngine(), Cache(tmp_path / "summaries.jsonl")),
        histories,
        profiles(tmp_path),
        examples,
        progress=lambda *_: None,
    )


def test_the_events_that_are_asked_about_are_not_in_the_state(tmp_path: Path) -> None:
    for num_before in range(1, 10):
        [request] = requests(tmp_path, {"ada": history()}, [example(num_before)])
        shown = " ".join([request.summary, *request.recent])
        assert not re.search(rf"Item {num_before}\b", shown)
        assert re.search(rf"Item {num_before - 1}\b", shown)


def test_later_events_change_nothing(tmp_path: Path) -> None:
    whole = requests(tmp_path, {"ada": history(10)}, [example(4)])
    assert whole == requests(tmp_path, {"ada": history(5)}, [example(4)])


def test_prompts_are_those_of_the_live_step(tmp_path: Path) -> None:
    engine, known = Recorder(), profiles(tmp_path)
    catalogue = Catalogue(engine.embedding_dim)
    for profile in known.values():
        catalogue.put(profile)
    state: UserPreference | None = None
    for number, event in enumerate(history()):
        one = StepInput(state, event, source(number), known[event.item_id])
        state = step(engine, catalogue, [one], StepOptions(5))[0].state
    # The list after the fourth event was made from the state before the fifth.
    for num_before in (4, 6, 9):
        [asked] = requests(tmp_path, {"ada": history()}, [example(num_before)])
        live = engine.scored[num_before - 1]
        assert (asked.summary, asked.recent, asked.taste) == (live.summary, live.recent, live.taste)


def test_a_user_among_others_is_asked_the_same(tmp_path: Path) -> None:
    users = [f"u{number}" for number in range(40)]
    histories = {user: history(user=user) for user in users}
    together = requests(tmp_path, histories, [example(7, user) for user in users])
    for user, found in zip(users, together, strict=True):
        assert [found] == requests(tmp_path / user, {user: histories[user]}, [example(7, user)])


def test_summaries_are_written_once(tmp_path: Path) -> None:
    first, second = Recorder(), Recorder()
    found = requests(tmp_path, {"ada": history()}, [example(9)], first)
    assert first.num_summaries == 3
    assert requests(tmp_path, {"ada": history()}, [example(9)], second) == found
    assert second.num_summaries == 0


def test_a_summary_that_fails_waits_for_the_next_event(tmp_path: Path) -> None:
    class Failing(WeightlessEngine):
        def summarise(self, requests: Sequence[SummaryRequest]) -> list[str]:
            raise EngineError("no")

    [request] = requests(tmp_path, {"ada": history()}, [example(5)], Failing())
    assert request.summary == ""
    assert len(request.recent) == 5


def test_an_interrupted_cache_keeps_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "cache.jsonl"
    Cache(path).put("a", "1")
    with path.open("a") as file:
        file.write('\n["b", "cut of')
    cache = Cache(path)
    assert (cache.get("a"), cache.get("b")) == ("1", None)
    cache.put("c", "3")
    assert Cache(path).get("c") == "3"


def test_a_process_beside_the_first_writes_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.jsonl", writes=False)
    cache.put("a", "1")
    assert cache.get("a") == "1"
    assert not (tmp_path / "cache.jsonl").exists()


def test_a_missing_picture_is_left_out_as_catalog_load_does(tmp_path: Path) -> None:
    named = item(1, image={"bucket": "media", "key": "../etc/passwd"})
    assert with_picture(named, tmp_path).item.image is None


def test_summaries_are_asked_for_as_the_deployment_does(tmp_path: Path) -> None:
    class Blocks(WeightlessEngine):
        sizes: list[int] = []

        def summarise(self, requests: Sequence[SummaryRequest]) -> list[str]:
            self.sizes += [len(one.block) for one in requests]
            return super().summarise(requests)

    score_requests(
        Blocks(),
        {"ada": history()},
        profiles(tmp_path),
        [example(9)],
        summaries="one-shot",
        progress=lambda *_: None,
    )
    assert Blocks.sizes == [3, 6, 9]
