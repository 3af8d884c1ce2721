"""What the README says that the code knows better; WRITE_DOCS=1 writes it anew."""

import os
import re
import shlex
from pathlib import Path

import click
import pytest

from stream_app.cli import commands
from stream_app.config import PREFIX, Settings

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TABLE = re.compile(r"(?<=## Settings\n\n).*?(?=\n## )", re.DOTALL)


def settings_table() -> str:
    rows = ["| variable | default | what |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        variable = field.validation_alias or PREFIX + name.upper()
        default = str(field.default).replace(str(Path.home()), "~")
        shown = ",".join(field.default) if isinstance(field.default, tuple) else default
        shown = "" if shown in {"None", "**********"} else shown
        rows.append(f"| `{variable}` | {f'`{shown}`' if shown else ''} | {field.description} |")
    return "\n".join(rows) + "\n"


def test_the_settings_table_is_the_settings() -> None:
    text = README.read_text()
    if os.environ.get("WRITE_DOCS"):
        README.write_text(TABLE.sub(lambda _: settings_table(), text))
        text = README.read_text()
    found = TABLE.search(text)
    assert found is not None
    assert found.group() == settings_table()


def readme_commands() -> list[str]:
    lines = (line.strip().split("#")[0] for line in README.read_text().splitlines())
    return [line for line in lines if re.match(r"([A-Z_]+=\S+ )*stream-app \w", line)]


@pytest.mark.parametrize("line", readme_commands())
def test_every_command_that_the_readme_names_exists_with_its_options(line: str) -> None:
    words = [word for word in shlex.split(line) if "=" not in word][1:]
    command: click.Command = commands
    context = click.Context(commands)
    while words and isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, f"{words[0]} is no command"
        command, words = found, words[1:]
    known = {option for one in command.params for option in one.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_every_link_to_a_file_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README.read_text()):
        assert (ROOT / target).exists(), target


def test_nothing_is_left_to_be_filled_in() -> None:
    assert "<!--" not in README.read_text()
