"""Weights of the final score released, refused and taken back under a flow of events."""

from collections import defaultdict
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs
from worker.flow import USERS, Flow, num_applied, running

from examples import FUSION_RELEASE
from kafka_io import produce
from models.fusion import Fusion, columns
from models.releases import assigned, release_id
from models.weightless import WeightlessEngine
from records import fusion_weights
from schemas.codec import encode
from schemas.fusion_release import FusionRelease
from schemas.fusion_weights import FusionWeights
from schemas.ranking import Ranking
from stream_app.config import Settings
from stream_app.fusion.file import write_weights
from stream_app.fusion.releases import release
from stream_app.releases import FUSION

pytestmark = pytest.mark.kafka

SHARE = 0.3
ASSIGNED = {user for user in USERS if assigned(user, {"f": SHARE}, of="fusion")}
OTHERS = set(USERS) - ASSIGNED


def named(of_assigned: str, of_others: str):
    expected = dict.fromkeys(ASSIGNED, of_assigned) | dict.fromkeys(OTHERS, of_others)
    return lambda newest: newest == expected


def scores(ranking: Ranking, by: FusionWeights) -> list[float]:
    """What these weights make of what a ranking rests on."""
    assert ranking.num_events is not None
    return (
        Fusion(by)
        .scores(
            columns([one.opinions for one in ranking.candidates]),
            np.array([one.model_score for one in ranking.candidates]),
            ranking.num_events,
        )
        .tolist()
    )


async def test_weights_change_under_a_flow_of_events_and_every_ranking_names_its_own(
    settings: Settings, tmp_path: Path
) -> None:
    assert ASSIGNED
    assert OTHERS
    of_file, first, second = (
        fusion_weights("of-file", 0.1),
        fusion_weights("one", 0.5),
        fusion_weights("two", 1.0),
    )
    default = tmp_path / "default.json"
    write_weights(default, of_file)

    async def released(one: FusionWeights) -> FusionRelease:
        path = tmp_path / f"{one.name}.json"
        write_weights(path, one)
        return await release(settings, path, name="f", share=SHARE, metrics={})

    flow = Flow(settings, by="fusion")
    with capture_logs() as logs:
        async with running(settings.model_copy(update={"fusion": default}), WeightlessEngine()):
            await flow.until(named("of-file", "of-file"))
            by_one = await released(first)
            await flow.until(named(release_id(by_one), "of-file"))
            by_two = await released(second)
            await flow.until(named(release_id(by_two), "of-file"))
            # As a newer version's tool would: this one's refuses the file.
            unfit = FUSION_RELEASE.model_copy(update={"share": SHARE, "previous": by_two})
            await produce(settings, settings.topics.fusion_weights.name, [(b"f", encode(unfit))])
            await flow.until(lambda _: any(one["event"] == "weights refused" for one in logs))
            assert release_id(await FUSION.rollback(settings, "f")) == release_id(by_two)
            assert release_id(await FUSION.rollback(settings, "f")) == release_id(by_one)
            await flow.until(named(release_id(by_one), "of-file"))
            await FUSION.withdraw(settings, "f")
            await flow.until(named("of-file", "of-file"))
            rankings = await flow.rankings(flow.num_sent)
            assert await num_applied(settings, flow.num_sent) == flow.num_sent

    assert len({one.trigger.event_id for one in rankings}) == len(rankings) == flow.num_sent
    assert {one.degraded for one in rankings} == {()}
    by_name = {"of-file": of_file, release_id(by_one): first, release_id(by_two): second}
    by_user = defaultdict(list)
    for one in rankings:
        by_user[one.user_id].append(one.versions.fusion)
        assert [found.score for found in one.candidates] == scores(
            one, by_name[one.versions.fusion]
        )
    in_turn = ["of-file", release_id(by_one), release_id(by_two), release_id(by_one), "of-file"]
    for user in ASSIGNED:
        assert [name for name, _ in groupby(by_user[user])] == in_turn
    for user in OTHERS:
        assert set(by_user[user]) == {"of-file"}


async def test_a_worker_begins_with_the_weights_that_are_released(
    settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "fusion.json"
    write_weights(path, fusion_weights("one"))
    of_all = await release(settings, path, name="f", share=1.0, metrics={"ndcg@10": 0.1})
    assert await FUSION.live(settings) == {"f": of_all}
    flow = Flow(settings, by="fusion")
    await flow.send(len(USERS))
    async with running(settings, WeightlessEngine()):
        rankings = await flow.rankings(len(USERS))
    assert {one.versions.fusion for one in rankings} == {release_id(of_all)}
