"""Adapters released, swapped and taken back under a flow of events, with real weights.

The engine is a random model of two layers, so each adapter really changes the scores; broker and
object storage are real.
"""

import asyncio
from collections import defaultdict
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
from finetune.small_shop import job
from finetune.small_shop import tiny_model as small_model
from mllm.tiny_adapters import random_adapter
from mllm.tiny_models import tiny_model
from structlog.testing import capture_logs
from worker.flow import USERS, Flow, num_applied, running

from kafka_io import produce
from models.errors import AdapterError
from models.mllm.adapter_file import Adapter
from models.mllm.engine import MllmEngine
from models.releases import assigned, release_id
from schemas.adapter_release import AdapterRelease
from schemas.codec import encode
from stream_app.adapters.releases import release
from stream_app.config import Settings
from stream_app.finetune.run import run_finetune
from stream_app.releases import ADAPTERS

pytestmark = pytest.mark.kafka

SHARES = {"a": 0.4, "b": 0.3}
OF_A, OF_B, OF_BASE = (
    {user for user in USERS if assigned(user, SHARES, of="adapter") == name}
    for name in ("a", "b", None)
)


def new_engine() -> MllmEngine:
    # Profiles in the shop's words: reading items is not what is tested.
    return MllmEngine(replace(tiny_model("llava"), projector_trained=False))


@pytest.fixture
def engine() -> MllmEngine:
    return new_engine()


@pytest.fixture(scope="module")
def adapters() -> list[Adapter]:
    tiny = tiny_model("llava")
    return [random_adapter(tiny, seed=seed, size=0.03) for seed in (1, 2, 3)]


@pytest.fixture
def announce(settings: Settings, tmp_path):
    """Release as the tool does, from a folder."""

    async def one(name: str, adapter: Adapter, share: float | None = None) -> AdapterRelease:
        folder = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}"
        adapter.write_folder(folder)
        return await release(
            settings, folder, name=name, share=SHARES[name] if share is None else share, metrics={}
        )

    return one


def answers(by_a: AdapterRelease | None, by_b: AdapterRelease | None):
    of_a, of_b = (None if one is None else release_id(one) for one in (by_a, by_b))
    expected = dict.fromkeys(OF_A, of_a) | dict.fromkeys(OF_B, of_b) | dict.fromkeys(OF_BASE)
    return lambda newest: newest == expected


async def test_swaps_under_a_flow_of_events_lose_none_and_every_ranking_names_its_adapter(
    settings: Settings, engine: MllmEngine, adapters: list[Adapter], announce
) -> None:
    assert OF_A
    assert OF_B
    assert OF_BASE
    first = await announce("a", adapters[0])
    flow = Flow(settings)
    async with running(settings, engine):
        await flow.until(answers(first, None))
        of_b = await announce("b", adapters[1])
        await flow.until(answers(first, of_b))
        second = await announce("a", adapters[2])
        await flow.until(answers(second, of_b))
        back = await ADAPTERS.rollback(settings, "a")
        assert release_id(back) == release_id(first)
        await flow.until(answers(first, of_b))
        await ADAPTERS.withdraw(settings, "b")
        await flow.until(answers(first, None))
        rankings = await flow.rankings(flow.num_sent)
        assert await num_applied(settings, flow.num_sent) == flow.num_sent
    assert len(rankings) == flow.num_sent
    assert len({one.trigger.event_id for one in rankings}) == flow.num_sent
    assert {one.degraded for one in rankings} == {()}
    by_user = defaultdict(list)
    for one in rankings:
        by_user[one.user_id].append(one.versions.adapter)
    for users, expected in [
        (OF_A, [first, second, first]),
        (OF_B, [None, of_b, None]),
        (OF_BASE, [None]),
    ]:
        names = [None if one is None else release_id(one) for one in expected]
        for user in users:
            assert [name for name, _ in groupby(by_user[user])] == names


async def test_the_worker_begins_with_the_releases_that_are_there(
    settings: Settings, engine: MllmEngine, adapters: list[Adapter], announce
) -> None:
    """And the adapter's weights are what scores: without it the same events score otherwise."""
    flow = Flow(settings)
    await flow.send(len(USERS))
    all_users = await announce("a", adapters[0], share=1.0)
    async with running(settings, engine):
        rankings = await flow.rankings(len(USERS))
    assert {one.versions.adapter for one in rankings} == {release_id(all_users)}
    scores = {
        (one.trigger.event_id, item.item_id): item.model_score
        for one in rankings
        for item in one.candidates
    }
    assert scores
    other = settings.model_copy(update={"topic_prefix": f"{settings.topic_prefix}base."})
    from stream_app.kafka.topics import create_topics

    await create_topics(other)
    again = Flow(other)
    await again.send(len(USERS))
    async with running(other.model_copy(update={"state_dir": settings.state_dir}), engine):
        by_base = await again.rankings(len(USERS))
    differences = [
        abs(scores[one.trigger.event_id, item.item_id] - item.model_score)
        for one in by_base
        for item in one.candidates
        if (one.trigger.event_id, item.item_id) in scores
    ]
    assert max(differences) > 1e-3


async def test_fine_tuned_released_swapped_and_rolled_back_while_events_flow(
    settings: Settings, tmp_path: Path
) -> None:
    """The whole way of an adapter: from a log to the answers, and back."""

    async def fine_tuned(seed: int) -> Path:
        (tmp_path / str(seed)).mkdir()
        of_job = job(tmp_path / str(seed), seed=seed, epochs=2)
        model = small_model()
        await asyncio.to_thread(
            run_finetune, of_job, model, MllmEngine(model), progress=lambda *_: None, tell=print
        )
        return of_job.out

    flow = Flow(settings)
    engine = MllmEngine(replace(small_model(), projector_trained=False))
    everyone = dict.fromkeys(USERS)
    async with running(settings, engine):
        await flow.until(lambda newest: newest == everyone)
        first = await release(settings, await fine_tuned(1), name="a", share=1.0, metrics={})
        await flow.until(lambda newest: set(newest.values()) == {release_id(first)})
        second = await release(settings, await fine_tuned(2), name="a", share=1.0, metrics={})
        assert second.sha256 != first.sha256
        await flow.until(lambda newest: set(newest.values()) == {release_id(second)})
        await ADAPTERS.rollback(settings, "a")
        await flow.until(lambda newest: set(newest.values()) == {release_id(first)})
        rankings = await flow.rankings(flow.num_sent)
        assert await num_applied(settings, flow.num_sent) == flow.num_sent
    assert len({one.trigger.event_id for one in rankings}) == len(rankings) == flow.num_sent
    assert {one.degraded for one in rankings} == {()}


def refusals(logs: list[dict]) -> list[str]:
    return [one["error"] for one in logs if one["event"] == "adapter refused"]


async def test_what_can_not_be_used_is_refused_and_the_one_before_stays(
    settings: Settings, engine: MllmEngine, adapters: list[Adapter], announce
) -> None:
    good = await announce("a", adapters[0])
    flow = Flow(settings)
    logs: list[dict]
    with capture_logs() as logs:
        async with running(settings, engine):
            await flow.until(answers(good, None))
            await announce("a", random_adapter(tiny_model("llava"), size=10))
            await flow.until(lambda _: len(refusals(logs)) == 1)
            await announce("b", replace(adapters[1], base="other@1"))
            await flow.until(lambda _: len(refusals(logs)) == 2)
            swapped = good.model_copy(update={"name": "b", "sha256": "0" * 64, "share": 0.3})
            value = (b"b", encode(swapped))
            await produce(settings, settings.topics.adapters.name, [value, (b"c", b"no record")])
            await flow.until(lambda _: len(refusals(logs)) == 3)
            await flow.until(answers(good, None))
    broken, other_base, other_bytes = refusals(logs)
    assert "Yes or No with probability" in broken
    assert "other@1" in other_base
    assert "released was 000" in other_bytes
    # A worker that starts now never had the good one: the release says what was before it.
    async with running(
        settings, MllmEngine(replace(engine._loaded, model=tiny_model("llava").model))
    ):
        await flow.until(answers(good, None))
        rankings = await flow.rankings(flow.num_sent)
    assert len({one.trigger.event_id for one in rankings}) == len(rankings) == flow.num_sent
    assert {one.degraded for one in rankings} == {()}


async def test_the_tool_says_what_can_not_be(
    settings: Settings, adapters: list[Adapter], announce
) -> None:
    await announce("a", adapters[0], share=0.75)
    with pytest.raises(AdapterError, match=r"share 0\.5 for b and a 0\.75 are more than 1"):
        await announce("b", adapters[1], share=0.5)
    with pytest.raises(AdapterError, match="Up"):
        await announce("Up/../x", adapters[1], share=0.1)
    with pytest.raises(AdapterError, match="no release to go back to"):
        await ADAPTERS.rollback(settings, "a")
    with pytest.raises(AdapterError, match="no adapter b; there are: a"):
        await ADAPTERS.withdraw(settings, "b")
    again = await announce("a", adapters[0], share=1.0)
    assert again.previous is not None
    assert (again.previous.share, again.previous.sha256) == (0.75, again.sha256)
    await announce("b", adapters[1], share=0.0)
    await ADAPTERS.withdraw(settings, "b")
    assert await ADAPTERS.live(settings) == {"a": again}
