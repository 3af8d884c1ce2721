"""A Kafka with locks: who has the keys gets through, who hasn't is told so."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
import trustme
from aiokafka.errors import TopicAuthorizationFailedError

from conftest import HOME
from kafka_io import produce, read_count
from records import enriched, fusion_weights, interaction, item
from schemas.codec import decode
from schemas.recommendation import Recommendation
from stream_app.config import Settings, read_settings
from stream_app.embedded.process import ChildProcess
from stream_app.fusion.file import write_weights
from stream_app.kafka.compacted import newest_by_key
from stream_app.kafka.topics import create_topics
from stream_app.send import send_interactions
from stream_app.supervise import command_line
from tests.security.acls import (
    GROUP,
    READ,
    TOPIC,
    TRANSACTIONAL_ID,
    WRITE,
    documented,
    grant,
)
from tests.security.secure_kafka import PASSWORD, SecureKafka

pytestmark = pytest.mark.kafka

ITEMS = [item(number) for number in range(6)]
WRONG = "another-planted-password"

Environment = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    users = {right.user for right in documented()} | {"newcomer"}
    with SecureKafka(HOME, tmp_path_factory.mktemp("secure"), users) as broker:
        yield broker


@pytest.fixture
def plain(kafka: SecureKafka, environment: dict[str, str]) -> dict[str, str]:
    """A deployment of its own on the listener without locks."""
    return {**environment, "KAFKA_BOOTSTRAP_SERVERS": kafka.address, "STREAM_APP_PARTITIONS": "1"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What the session's stack gives elsewhere: here is no object storage, nobody asks for it."""
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "STREAM_APP_TOPIC_PREFIX": f"t{uuid4().hex[:8]}.",
        "STREAM_APP_ENGINE": "weightless",
        "STREAM_APP_HOME": str(HOME),
        "STREAM_APP_STATE_DIR": str(tmp_path / "state"),
        "STREAM_APP_SESSION_TIMEOUT_S": "6",
        "STREAM_APP_LOG_LEVEL": "DEBUG",
    }


@pytest.fixture
def of(kafka: SecureKafka, plain: dict[str, str]) -> Environment:
    """The deployment's environment for a user of the SASL listener."""

    def of_user(user: str, **changed: str) -> dict[str, str]:
        return {
            **plain,
            "KAFKA_BOOTSTRAP_SERVERS": kafka.sasl_address,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD": PASSWORD,
            "KAFKA_SSL_CAFILE": str(kafka.certificates.ca),
            **changed,
        }

    return of_user


def settings_in(environment: dict[str, str]) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return read_settings()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[dict[str, str], str], ChildProcess]]:
    """Start a command in an environment; what still runs is ended."""
    started: list[ChildProcess] = []

    def start_one(environment: dict[str, str], command: str) -> ChildProcess:
        log = tmp_path / f"{command}.log"
        child = ChildProcess(command, command_line(*command.split()), log, env=environment)
        child.start()
        started.append(child)
        return child

    yield start_one
    for child in started:
        child.stop(deadline_s=15)
        assert PASSWORD not in child.log_path.read_text()


def said_by(environment: dict[str, str], command: str) -> tuple[int, str]:
    """Run a command; return its exit code and what it says."""
    done = subprocess.run(
        command_line(*command.split()),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert PASSWORD not in said
    return done.returncode, said


def end_of(environment: dict[str, str], command: str) -> str:
    """Run a command that fails, and return what it says."""
    code, said = said_by(environment, command)
    assert code != 0, said
    # A log line may carry one; for people there is a sentence.
    assert "\nTraceback" not in said, said
    assert WRONG not in said
    return said


async def test_the_documented_rights_are_enough_from_a_click_to_its_list(
    plain: dict[str, str], of: Environment, start: Callable, tmp_path: Path
) -> None:
    await grant(settings_in(plain), documented())
    await create_topics(settings_in(of("topics-create")))
    topics = settings_in(plain).topics
    running = [
        start(of("agents-ingest"), "agents ingest"),
        start(of("agents-profile"), "agents profile"),
        start(of("agents-publish"), "agents publish"),
        start(of("worker"), "worker"),
        start(of("signals"), "signals"),
        start(of("quality"), "quality"),
    ]
    loader = settings_in(of("catalog-load"))
    await produce(loader, topics.items.name, [(one.item_id.encode(), one) for one in ITEMS])
    assert len(await newest_by_key(loader, topics.items.name)) == len(ITEMS)
    await read_count(settings_in(plain), topics.item_profiles.name, len(ITEMS))
    file = tmp_path / "events.jsonl"
    file.write_text('{"user_id": "ada", "item_id": "i1", "kind": "like"}\n')
    assert (await send_interactions(settings_in(of("send")), file)).num_sent == 1
    (record,) = await read_count(settings_in(of("recommend")), topics.recommendations.name, 1)
    assert isinstance(decode(Recommendation, record.value), Recommendation)
    await read_count(settings_in(of("worker")), topics.item_signals.name, 1)
    write_weights(tmp_path / "fusion.json", fusion_weights("w"))
    release = f"fusion release {tmp_path}/fusion.json --name f --share 1"
    code, said = said_by(of("fusion-release"), release)
    assert code == 0, said
    await read_count(settings_in(of("worker")), topics.fusion_weights.name, 1)
    await read_count(settings_in(of("quality")), topics.list_users.name, 2)
    assert all(process.is_running() for process in running)

    unknown = [(b"ada", interaction(2, item="unknown"))]
    await produce(settings_in(of("send")), topics.interactions.name, unknown)
    await read_count(settings_in(of("dead-letters-list")), topics.dead_letters.name, 1)
    assert "UnknownItem" in said_by(of("dead-letters-list"), "dead-letters list")[1]
    code, said = said_by(of("dead-letters-redrive"), "dead-letters redrive 0:0")
    assert code == 0, said
    await read_count(settings_in(plain), topics.interactions.name, 3)

    worker, event = settings_in(of("worker")), (b"ada", interaction(2))
    with pytest.raises(TopicAuthorizationFailedError):
        await produce(worker, topics.interactions.name, [event])
    with pytest.raises(TopicAuthorizationFailedError):
        await newest_by_key(settings_in(of("agents-ingest")), topics.user_preferences.name)


@pytest.mark.parametrize("way", ["PLAIN", "SCRAM-SHA-256", "certificate"])
async def test_the_other_ways_to_prove_who_one_is(
    kafka: SecureKafka, plain: dict[str, str], of: Environment, start: Callable, way: str
) -> None:
    settings = settings_in(plain)
    await create_topics(settings)
    if way == "certificate":
        environment = {
            **plain,
            "KAFKA_BOOTSTRAP_SERVERS": kafka.mutual_address,
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_SSL_CAFILE": str(kafka.certificates.ca),
            "KAFKA_SSL_CERTFILE": str(kafka.certificates.client),
            "KAFKA_SSL_KEYFILE": str(kafka.certificates.client_key),
        }
    elif way == "PLAIN":
        environment = of("plain", KAFKA_SASL_MECHANISM=way)
    else:
        await grant(settings, documented())
        environment = of("agents-profile", KAFKA_SASL_MECHANISM=way)
    start(environment, "agents profile")
    await produce(settings, settings.topics.items.name, [(b"i1", ITEMS[1])])
    await read_count(settings, settings.topics.item_images.name, 1)
    if way == "SCRAM-SHA-256":
        return
    start(environment, "worker")
    event = (b"ada", enriched(1, ITEMS[1]))
    await produce(settings, settings.topics.interactions_enriched.name, [event])
    await read_count(settings, settings.topics.rankings.name, 1)


@pytest.mark.parametrize("command", ["topics describe", "agents ingest", "worker"])
def test_a_wrong_password_is_said_and_not_shown(of: Environment, command: str) -> None:
    said = end_of(of("worker", KAFKA_SASL_PASSWORD=WRONG), command)
    assert "refuses user worker: check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD" in said


def test_what_else_keeps_a_client_out_says_what_to_set(
    kafka: SecureKafka, plain: dict[str, str], of: Environment, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    plain_to_sasl = {**plain, "KAFKA_BOOTSTRAP_SERVERS": kafka.sasl_address}
    no_certificate = {
        **plain,
        "KAFKA_BOOTSTRAP_SERVERS": kafka.mutual_address,
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SSL_CAFILE": str(kafka.certificates.ca),
    }
    other_name = kafka.sasl_address.replace("127.0.0.1", "localhost")
    cases = [
        (of("worker", KAFKA_SSL_CAFILE=str(tmp_path / "other.pem")), "KAFKA_SSL_CAFILE names"),
        (of("worker", KAFKA_BOOTSTRAP_SERVERS=other_name), "not valid for 'localhost'"),
        (of("worker", KAFKA_BOOTSTRAP_SERVERS=kafka.address), "check KAFKA_"),
        (plain_to_sasl, "KAFKA_SECURITY_PROTOCOL, which is PLAINTEXT"),
        (no_certificate, "KAFKA_SSL_CERTFILE"),
    ]
    for environment, named in cases:
        said = end_of(environment, "topics describe")
        assert named in said.splitlines()[-1]


@pytest.mark.parametrize("command", ["agents ingest", "worker", "recommend"])
async def test_who_may_not_see_the_topics_is_told_so(
    plain: dict[str, str], of: Environment, command: str
) -> None:
    await create_topics(settings_in(plain))
    assert "or let this process's user describe them" in end_of(of("newcomer"), command)


@pytest.mark.parametrize(
    ("command", "operation", "resource", "name"),
    [
        ("agents profile", READ, GROUP, "stream-app-profile"),
        ("agents profile", READ, TOPIC, "items"),
        ("agents profile", WRITE, TOPIC, "item-images"),
        ("agents ingest", READ, TOPIC, "items"),
        ("worker", READ, GROUP, "stream-app-worker"),
        ("worker", READ, TOPIC, "user-preferences"),
        ("worker", WRITE, TOPIC, "rankings"),
        ("worker", WRITE, TRANSACTIONAL_ID, "stream-app-worker."),
        ("signals", READ, TOPIC, "signal-users"),
        ("signals", WRITE, TOPIC, "item-signals"),
        ("signals", WRITE, TRANSACTIONAL_ID, "stream-app-signals."),
        ("quality", READ, TOPIC, "recommendations"),
        ("recommend", READ, TOPIC, "recommendations"),
    ],
)
async def test_a_right_that_is_missing_ends_the_process_and_is_named(
    plain: dict[str, str], of: Environment, command: str, operation: int, resource: int, name: str
) -> None:
    settings, process = settings_in(plain), command.replace(" ", "-")
    await create_topics(settings)
    rights = [replace(one, user="newcomer") for one in documented() if one.user == process]
    granted = [
        one
        for one in rights
        if (one.operation, one.resource, one.name) != (operation, resource, name)
    ]
    assert len(granted) == len(rights) - 1
    await grant(settings, granted)
    topics = settings.topics
    await produce(settings, topics.items.name, [(b"i1", ITEMS[1])])
    await produce(settings, topics.interactions_enriched.name, [(b"ada", enriched(1, ITEMS[1]))])
    await produce(settings, topics.user_preferences.name, [(b"bruno", b"{}")])
    await produce(settings, topics.signal_users.name, [(b"bruno", b"{}")])
    await produce(settings, topics.interactions.name, [(b"ada", interaction(1))])
    await produce(settings, topics.recommendations.name, [(b"ada", b"{}")])
    said = end_of(of("newcomer"), command)
    (line, *_) = [line for line in said.splitlines() if "docs/security.md" in line]
    assert "AuthorizationFailed" in line
    assert settings.topic_prefix + name in line
