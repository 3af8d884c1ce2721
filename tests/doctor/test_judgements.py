"""From what was found to a verdict, check by check, without any server."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import TopicAuthorizationFailedError

from schemas.codec import MAX_RECORD_BYTES
from schemas.topics import TOPICS
from stream_app.config import Settings
from stream_app.doctor.brokers import BrokerFacts, config_values, judge_brokers
from stream_app.doctor.disk import DiskFacts, judge_disk
from stream_app.doctor.finding import Finding, Verdict, named
from stream_app.doctor.flow import FlowFacts, judge_flow
from stream_app.doctor.groups import Backlog, GroupFacts, judge_group, owned_by
from stream_app.doctor.letters import Letter, judge_letters, open_letters
from stream_app.doctor.model import (
    FolderFacts,
    ServedFacts,
    check_model,
    judge_folder,
    judge_served,
)
from stream_app.doctor.storage import Looked, judge_bucket
from stream_app.doctor.topics import TopicFacts, judge_topics
from stream_app.engine import default_model_folder
from stream_app.image_errors import RefusedObjectError, StorageUnavailableError

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PATIENCE = timedelta(minutes=5)
GIB = 2**30
OK, WARNING, WRONG = Verdict.OK, Verdict.WARNING, Verdict.WRONG


def healthy() -> dict[str, TopicFacts]:
    """Every topic with four partitions of three replicas."""
    return {
        topic.name: TopicFacts(
            name=topic.name,
            num_partitions=4,
            num_replicas=3,
            num_in_sync=3,
            leaderless=(),
            cleanup=frozenset([topic.cleanup]),
            max_record_bytes=MAX_RECORD_BYTES,
            min_in_sync=2,
        )
        for topic in TOPICS
    }


def with_topic(name: str, **fields: object) -> dict[str, TopicFacts]:
    facts = healthy()
    return facts | {name: replace(facts[name], **fields)}


def verdicts(findings: list[Finding]) -> dict[str, Verdict]:
    return {one.check: one.verdict for one in findings if one.verdict is not OK}


def test_of_healthy_topics_nothing_is_said() -> None:
    found = judge_topics(healthy(), TOPICS, num_brokers=3)
    assert {one.verdict for one in found} == {OK}
    assert len(found) == 5


@pytest.mark.parametrize(
    ("name", "fields", "check", "verdict"),
    [
        ("rankings", {"leaderless": (2,)}, "partitions", WRONG),
        ("user-preferences", {"num_partitions": 6}, "partitions", WRONG),
        ("dead-letters", {"max_record_bytes": 1_048_588}, "record size", WRONG),
        ("rankings", {"max_record_bytes": MAX_RECORD_BYTES - 1}, "record size", WRONG),
        ("item-images", {"max_record_bytes": 1_048_588}, "record size", WARNING),
        ("user-preferences", {"cleanup": frozenset(["delete"])}, "cleanup", WRONG),
        ("items", {"cleanup": frozenset(["compact", "delete"])}, "cleanup", WRONG),
        ("interactions", {"cleanup": frozenset(["compact"])}, "cleanup", WRONG),
        ("rankings", {"num_in_sync": 1}, "replication", WRONG),
        ("rankings", {"min_in_sync": 4}, "replication", WRONG),
        ("rankings", {"num_in_sync": 2}, "replication", WARNING),
        ("items", {"num_replicas": 1, "num_in_sync": 1, "min_in_sync": 1}, "replication", WARNING),
        ("items", {"min_in_sync": 3}, "replication", WARNING),
        ("items", {"min_in_sync": 1}, "replication", WARNING),
    ],
)
def test_a_topic_that_loses_or_blocks_is_named(
    name: str, fields: dict[str, object], check: str, verdict: Verdict
) -> None:
    found = judge_topics(with_topic(name, **fields), TOPICS, num_brokers=3)
    assert verdicts(found) == {check: verdict}
    (finding,) = [one for one in found if one.check == check]
    assert name in finding.message


def test_the_partitions_of_topics_that_share_no_state_may_differ() -> None:
    assert not verdicts(judge_topics(with_topic("items", num_partitions=1), TOPICS, 3))


def test_one_broker_can_hold_one_replica() -> None:
    facts = {
        name: replace(one, num_replicas=1, num_in_sync=1, min_in_sync=1)
        for name, one in healthy().items()
    }
    assert not verdicts(judge_topics(facts, TOPICS, num_brokers=1))


def test_missing_topics_are_named_with_the_command_that_makes_them() -> None:
    facts = healthy()
    del facts["rankings"]
    found = judge_topics(facts, TOPICS, num_brokers=3)
    assert verdicts(found) == {"topics": WRONG}
    assert "rankings; create them with `stream-app topics create`" in found[0].message
    assert verdicts(judge_topics({}, TOPICS, num_brokers=3)) == {"topics": WRONG}


@pytest.mark.parametrize(("minutes", "verdict"), [(None, OK), (10_080, OK), (1_440, WARNING)])
def test_offsets_that_are_soon_forgotten(minutes: int | None, verdict: Verdict) -> None:
    found = judge_brokers(BrokerFacts(["kafka:9092"], minutes))
    assert "kafka:9092" in found[0].message
    assert found[-1].verdict is verdict


def test_settings_that_this_user_may_not_see_are_an_error_and_not_nothing() -> None:
    seen = (0, None, 2, "items", [("cleanup.policy", "compact", False, 5, False, [])])
    hidden = (TopicAuthorizationFailedError.errno, "denied", 2, "rankings", [])
    assert config_values(SimpleNamespace(resources=[seen])) == {
        "items": {"cleanup.policy": "compact"}
    }
    with pytest.raises(TopicAuthorizationFailedError, match="settings of rankings: denied"):
        config_values(SimpleNamespace(resources=[seen, hidden]))


TPS = [TopicPartition("interactions", number) for number in range(2)]


def group(**fields: object) -> GroupFacts:
    facts: dict[str, object] = {
        "process": "ingest",
        "name": "stream-app-ingest",
        "state": "Stable",
        "owned": {"one": frozenset(TPS)},
        "backlog": {tp: Backlog(0) for tp in TPS},
    }
    return GroupFacts(**(facts | fields))


OLD = {TPS[0]: Backlog(7, NOW - timedelta(hours=1)), TPS[1]: Backlog(0)}


@pytest.mark.parametrize(
    ("fields", "verdict", "said"),
    [
        ({}, OK, "1 member, lag 0"),
        (
            {"backlog": {TPS[0]: Backlog(7, NOW - timedelta(seconds=9)), TPS[1]: Backlog(0)}},
            OK,
            "1 member, lag 7, oldest 9 s old",
        ),
        ({"backlog": OLD}, WARNING, "lag 7, oldest 60 min old: interactions-0 (7)"),
        ({"owned": {}, "state": "Empty"}, WRONG, "no member"),
        ({"owned": {}, "state": "Dead"}, WRONG, "start `stream-app agents ingest`"),
        ({"state": "PreparingRebalance"}, WARNING, "rebalancing"),
        ({"owned": {"one": frozenset(TPS[:1])}}, WRONG, "nobody reads interactions-1"),
        (
            {"backlog": {TPS[0]: Backlog(0, num_lost=3), TPS[1]: Backlog(0)}},
            WRONG,
            "interactions-0 (3); raise the topic's retention.ms",
        ),
    ],
)
def test_a_group(fields: dict[str, object], verdict: Verdict, said: str) -> None:
    found = judge_group(group(**fields), PATIENCE, NOW)
    assert (found.check, found.verdict) == ("group ingest", verdict)
    assert said in found.message


@pytest.mark.parametrize("process", ["signals", "quality"])
def test_signals_and_quality_may_be_left_out(process: str) -> None:
    found = judge_group(group(owned={}, process=process), PATIENCE, NOW)
    assert (found.check, found.verdict) == (f"group {process}", WARNING)
    assert f"start `stream-app {process}`" in found.message


def test_a_spare_member_is_fine_and_programs_get_every_partition() -> None:
    found = judge_group(
        group(owned={"one": frozenset(TPS), "spare": frozenset()}, backlog=OLD), PATIENCE, NOW
    )
    assert found.details["members"] == {"one": ["interactions-0", "interactions-1"], "spare": []}
    assert found.details["lag"] == {"interactions-0": 7, "interactions-1": 0}
    assert found.details["oldest_s"] == 3600


def test_members_on_one_machine_are_told_apart() -> None:
    def raw(*partitions: int) -> bytes:
        return ConsumerProtocol.ASSIGNMENT(0, [("interactions", list(partitions))], b"").encode()

    owned = owned_by(
        [
            ("id-1", "aiokafka", "/10.0.0.1", b"", raw(0)),
            ("id-2", "aiokafka", "/10.0.0.1", b"", raw(1)),
            ("id-3", "aiokafka", "/10.0.0.1", b"", b""),
        ]
    )
    assert list(owned.values()) == [frozenset(TPS[:1]), frozenset(TPS[1:]), frozenset()]


def flow(waits: timedelta | None, count: int = 10, answered: bool = True) -> FlowFacts:
    return FlowFacts(
        asks="interactions",
        answers="rankings",
        answered_at=NOW - timedelta(hours=2) if answered else None,
        unanswered_at=None if waits is None else NOW - waits,
        num_unanswered=0 if waits is None else count,
    )


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        (flow(None), OK),
        (flow(PATIENCE), OK),
        (flow(PATIENCE + timedelta(seconds=1)), WRONG),
        (flow(timedelta(hours=1), answered=False), WRONG),
        (flow(timedelta(hours=1), count=9), WARNING),
    ],
)
def test_silence_is_told_from_having_nothing_to_answer(facts: FlowFacts, verdict: Verdict) -> None:
    assert judge_flow(facts, PATIENCE, NOW).verdict is verdict


def letter(offset: int, error: str = "UnknownItem", **headers: str) -> Letter:
    return Letter(0, offset, {"dlq.error": error, **headers})


def test_open_letters_are_counted_by_error_and_settled_ones_are_not() -> None:
    settled = Letter(0, 3, {"dlq.settles": "0:1", "dlq.settled-as": "discarded"})
    earlier = Letter(0, 4, {"dlq.settles": "0:99"})
    letters = [letter(0), letter(1), letter(2, "TooLarge"), settled, earlier, letter(5)]
    found = judge_letters(open_letters(letters))
    assert found.verdict is WARNING
    assert "3 of the last day are open: UnknownItem (2), TooLarge (1)" in found.message
    assert judge_letters(Counter()).verdict is OK


@pytest.mark.parametrize(
    ("looked", "is_for_adapters", "verdict", "said"),
    [
        (True, False, OK, "there"),
        (False, False, WRONG, "STREAM_APP_BUCKETS"),
        (False, True, WARNING, "STREAM_APP_ADAPTER_BUCKET"),
        (RefusedObjectError("object storage refuses"), False, WRONG, "S3_SECRET_KEY"),
        (StorageUnavailableError("object storage: MaxRetryError"), True, WRONG, "S3_ENDPOINT"),
    ],
)
def test_a_bucket(looked: Looked, is_for_adapters: bool, verdict: Verdict, said: str) -> None:
    found = judge_bucket("media", looked, is_for_adapters=is_for_adapters)
    assert found.verdict is verdict
    assert said in found.message


@pytest.mark.parametrize(
    ("facts", "is_default", "verdict", "said"),
    [
        (FolderFacts(Path("/m/default-12"), True, True), True, OK, "default-12"),
        (
            FolderFacts(Path("/m/default-12"), False, False, ["default-ab"]),
            True,
            WRONG,
            "default-ab is of other weights: run `stream-app setup`",
        ),
        (FolderFacts(Path("/m/default-12"), True, False), True, WRONG, "stream-app setup"),
        (FolderFacts(Path("/m/llava"), False, False), False, WRONG, "check MODEL_ID"),
        (FolderFacts(Path("/m/llava"), True, False), False, WRONG, "check MODEL_ID"),
    ],
)
def test_a_models_folder(facts: FolderFacts, is_default: bool, verdict: Verdict, said: str) -> None:
    found = judge_folder(facts, is_default=is_default)
    assert found.verdict is verdict
    assert said in found.message


def write_model(folder: Path) -> None:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")


async def test_the_default_models_folder_is_that_of_the_trained_weights(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    (tmp_path / "models" / "default-0ld0ld00").mkdir(parents=True)
    found = await check_model(settings)
    assert found.verdict is WRONG
    assert "default-0ld0ld00 is of other weights" in found.message
    write_model(default_model_folder(tmp_path))
    assert (await check_model(settings)).verdict is OK


@pytest.mark.parametrize(
    ("facts", "verdict", "said"),
    [
        (ServedFacts("http://vllm/v1/models", ["qwen"]), OK, "qwen is served"),
        (ServedFacts("http://vllm/v1/models", ["llava"]), WRONG, "has llava, not qwen"),
        (ServedFacts("http://vllm/v1/models", (), "HTTP status 401"), WRONG, "OPENAI_API_KEY"),
    ],
)
def test_a_served_model(facts: ServedFacts, verdict: Verdict, said: str) -> None:
    found = judge_served(facts, "qwen")
    assert found.verdict is verdict
    assert said in found.message


@pytest.mark.parametrize(
    ("free_bytes", "is_writable", "verdict"),
    [
        (50 * GIB, True, OK),
        (5 * GIB, True, WARNING),
        (GIB // 8, True, WRONG),
        (50 * GIB, False, WRONG),
    ],
)
def test_a_disk(free_bytes: int, is_writable: bool, verdict: Verdict) -> None:
    facts = DiskFacts(Path("/state"), is_writable, free_bytes, 100 * GIB)
    assert judge_disk(facts).verdict is verdict


def test_many_names_are_cut() -> None:
    assert named([str(number) for number in range(8)]) == "0, 1, 2, 3, 4, 5, and 2 more"
