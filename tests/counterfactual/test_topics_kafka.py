"""Lists and interactions from the topics themselves."""

from datetime import timedelta

import pytest
from counterfactual.simulation import by_taste, simulate

from kafka_io import produce
from models.fusion import Fusion
from stream_app.counterfactual.estimates import evaluate
from stream_app.counterfactual.logged import lists_with_clicks, logged
from stream_app.counterfactual.read import events_on_topic, lists_on_topic
from stream_app.offline.sources import LeftOut

pytestmark = pytest.mark.kafka


def silent(*_: object) -> None:
    pass


async def test_the_topics_tell_what_the_records_do(settings) -> None:
    world, blend, left_out = simulate(80, share=0.5, seed=5), Fusion(by_taste()), LeftOut()
    lists = [(one.user_id.encode(), one) for one in world.lists]
    events = [(one.user_id.encode(), one) for one in world.events]
    await produce(settings, settings.topics.recommendations.name, [*lists, (b"ada", b"{}")])
    await produce(settings, settings.topics.interactions.name, [*events, (b"ada", None)])
    found = await lists_on_topic(settings, blend, left_out, silent)
    done = await events_on_topic(settings, left_out, silent)
    assert left_out.num_lines == 1
    within = timedelta(hours=1)
    of_records = lists_with_clicks(
        [logged(one, blend) for one in world.lists], world.events, within
    )
    of_topics = evaluate(lists_with_clicks(found, done, within))
    assert of_topics.of_lists.ips.value == pytest.approx(evaluate(of_records).of_lists.ips.value)
    assert of_topics.num_lists == 80
