"""Every command, at the lowest log level, failing: what it knows of secrets it keeps to itself."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from stream_app.cli import commands
from stream_app.supervise import command_line
from tests.tools.test_cli import all_commands

SECRETS = {
    "KAFKA_SASL_PASSWORD": "planted-kafka-password",
    "S3_SECRET_KEY": "planted-s3-secret",
    "OPENAI_API_KEY": "planted-api-key",
}
# Nothing listens there.
NOWHERE = "127.0.0.1:1"
# These start processes or take over the signals: not in the test's own process.
APART = {("agents",), ("worker",), ("up",), ("demo",)}
ARGUMENTS = {
    ("catalog", "load"): ["items.jsonl"],
    ("send",): ["events.jsonl"],
    ("agents",): ["ingest"],
    ("adapters", "release"): ["folder", "--name", "style", "--share", "1"],
    ("adapters", "rollback"): ["style"],
    ("adapters", "withdraw"): ["style"],
    ("adapters", "compose"): ["folder", "folder", "--out", "both"],
    ("fusion", "release"): ["items.jsonl", "--name", "style", "--share", "1"],
    ("fusion", "rollback"): ["style"],
    ("fusion", "withdraw"): ["style"],
    ("finetune",): ["--events", "events.jsonl", "--items", "items.jsonl", "--out", "out"],
}
COMMANDS = [path for path in all_commands(commands) if path[-1] not in {"catalog", "topics"}]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with what commands are given, and an environment with secrets."""
    (tmp_path / "items.jsonl").write_text('{"item_id": "1", "title": "One"}\n')
    (tmp_path / "events.jsonl").write_text('{"user_id": "ada", "item_id": "1"}\n')
    (tmp_path / "folder").mkdir()
    variables = {
        **SECRETS,
        "KAFKA_BOOTSTRAP_SERVERS": NOWHERE,
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_USERNAME": "shop",
        "S3_ENDPOINT": NOWHERE,
        "S3_ACCESS_KEY": "shop",
        "STREAM_APP_LOG_LEVEL": "DEBUG",
        "STREAM_APP_ENGINE": "weightless",
        "STREAM_APP_HOME": str(tmp_path / "home"),
        # What isn't there can't be fetched either.
        "PATH": str(tmp_path),
        "PYTHONPATH": str(Path.cwd()),
    }
    for name in list(os.environ):
        if name.startswith(("STREAM_APP_", "KAFKA_", "S3_", "OPENAI_", "MODEL_ID")):
            monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said_here(arguments: list[str]) -> str:
    result = CliRunner().invoke(commands, arguments)
    return f"{result.output}{result.stderr}{result.exception!r}{result.exception}"


def said_apart(arguments: list[str]) -> str:
    running = subprocess.Popen(
        command_line(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = ""
    assert running.stdout is not None
    for line in running.stdout:
        said += line
        if "# ready" in line:
            running.terminate()
    assert running.wait(60) is not None
    return said


def files_below(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size < 1_000_000:
            yield path.read_text(errors="replace")


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_no_command_says_a_secret(folder: Path, path: tuple[str, ...]) -> None:
    arguments = [*path, *ARGUMENTS.get(path, [])]
    said = said_apart(arguments) if path in APART else said_here(arguments)
    assert said
    for written in (said, *files_below(folder)):
        for name, secret in SECRETS.items():
            assert secret not in written, f"{' '.join(path)} gives {name} away"


@pytest.mark.parametrize("name", ["KAFKA_SECURITY_PROTOCOL", "S3_ENDPOINT", "S3_CAFILE"])
@pytest.mark.usefixtures("folder")
def test_a_refused_setting_is_shown_without_the_others(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://impossible")
    said = said_here(["topics", "list"])
    assert re.search("setting|file", said)
    assert not any(secret in said for secret in SECRETS.values())


def test_sasl_in_the_clear_is_warned_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    assert "travel in the clear" in said_here(["topics", "list"])
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    assert "travel in the clear" not in said_here(["topics", "list"])
