"""The command line as a user meets it, without any server."""

import os
import subprocess

import click
import pytest

from stream_app.cli import commands
from stream_app.supervise import command_line


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **variables}
    return subprocess.run(
        command_line(*arguments),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def all_commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, command in group.commands.items():
        found.append((*path, name))
        if isinstance(command, click.Group):
            found += all_commands(command, (*path, name))
    return found


@pytest.mark.parametrize("path", all_commands(commands), ids=" ".join)
def test_every_command_says_what_it_does(path: tuple[str, ...]) -> None:
    command: click.Command = commands
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    assert command.help
    assert len(command.get_short_help_str(200)) > 15


def test_help_names_the_first_steps_on_lines_of_their_own() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    assert any(line.strip().endswith("stream-app demo") for line in shown.stdout.splitlines())


def test_a_misspelt_setting_ends_with_one_line() -> None:
    done = run("topics", "list", STREAM_APP_TOPIC_PREFX="a.")
    assert done.returncode == 1
    assert done.stderr.startswith("stream-app: STREAM_APP_TOPIC_PREFX is not a setting")
    assert "Traceback" not in done.stderr


def test_no_broker_ends_with_its_address_and_no_traceback() -> None:
    done = run("topics", "create", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert done.returncode == 1
    assert "127.0.0.1" in done.stderr
    assert "stream-app doctor" in done.stderr
    assert "Traceback" not in done.stderr


def test_up_with_nothing_to_run_says_so() -> None:
    done = run("up", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1", S3_ENDPOINT="127.0.0.1:2")
    assert done.returncode == 1
    assert "there is nothing to run" in done.stderr


def test_wrong_usage_is_exit_code_2() -> None:
    assert run("agents", "nobody").returncode == 2


def test_topics_are_listed_without_a_broker() -> None:
    done = run("topics", "list", STREAM_APP_TOPIC_PREFIX="eu.")
    assert done.stdout.splitlines()[0] == "eu.interactions"
