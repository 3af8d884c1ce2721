"""Images, compose file and chart name only settings and commands that exist.

No tool is needed but for the last tests, which render the chart where `helm` is on PATH.
"""

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types

from stream_app.cli import commands
from stream_app.config import PREFIX, Settings
from stream_app.supervise import AGENTS, PROCESSES

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "stream-app"
TEMPLATES = sorted((CHART / "templates").iterdir())
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
WORKER_IMAGE = ROOT / "docker" / "worker.Dockerfile"

SETTINGS = {
    str(field.validation_alias or PREFIX + name.upper())
    for name, field in Settings.model_fields.items()
}
SECRETS = {"KAFKA_SASL_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY"}
# Everything written like a variable is one in the chart's files, but for these values of one.
PROTOCOLS = set(get_args(Settings.model_fields["kafka_security_protocol"].annotation))
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


PROBES = {"startup": "/live", "liveness": "/live", "readiness": "/ready"}
VALUES = read_yaml(CHART / "values.yaml")
# Services of other images have variables and commands of their own.
SERVICES = {
    name: service
    for name, service in read_yaml(ROOT / "docker" / "compose.yaml")["services"].items()
    if "build" in service
}


def image_environment(dockerfile: Path) -> dict[str, str]:
    """Return what the last stage sets, without the search path."""
    last_stage = dockerfile.read_text().split("\nFROM ")[-1]
    environment = stage_environment(last_stage)
    del environment["PATH"]
    return environment


def stage_environment(stage: str) -> dict[str, str]:
    instructions = stage.replace("\\\n", " ").splitlines()
    words = [word for line in instructions if line.startswith("ENV ") for word in line.split()[1:]]
    return dict(word.split("=", 1) for word in words)


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Yield where a command line is written, and its words behind `stream-app`."""
    for dockerfile in DOCKERFILES:
        (words,) = re.findall(r"^CMD (\[.*\])$", dockerfile.read_text(), re.MULTILINE)
        yield dockerfile.name, json.loads(words)
    for name, service in SERVICES.items():
        yield f"compose {name}", service.get("command", ["--help"])
    for template in TEMPLATES:
        for words in re.findall(r"args: \[(.*)\]", template.read_text()):
            for agent in VALUES["agents"] if "$name" in words else [""]:
                yield template.name, words.replace("{{ $name }}", agent).split(", ")


def parse(words: list[str]) -> None:
    """Parse a command line as the program does, without running it.

    Raises:
        click.UsageError: If there is no such command or argument.
    """
    command: click.Command = commands
    while isinstance(command, click.Group) and words not in ([], ["--help"]):
        _, found, words = command.resolve_command(click.Context(command), words)
        assert found is not None
        command = found
    if words != ["--help"]:
        command.make_context(command.name, words)


def test_the_charts_versions_are_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chart = read_yaml(CHART / "Chart.yaml")
    assert chart["version"] == chart["appVersion"] == project["version"]


@pytest.mark.parametrize(
    "path", [*TEMPLATES, CHART / "values.yaml", CHART / "values.schema.json"], ids=lambda p: p.name
)
def test_every_variable_of_the_chart_is_a_setting(path: Path) -> None:
    assert set(VARIABLE.findall(path.read_text())) - PROTOCOLS <= SETTINGS


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda p: p.name)
def test_every_variable_of_an_image_is_a_setting(path: Path) -> None:
    assert image_environment(path).keys() <= SETTINGS


@pytest.mark.parametrize("name", SERVICES)
def test_every_variable_of_our_compose_services_is_a_setting(name: str) -> None:
    assert SERVICES[name]["environment"].keys() <= SETTINGS


@pytest.mark.parametrize(("where", "words"), list(command_lines()))
def test_every_command_exists(where: str, words: list[str]) -> None:
    try:
        parse(words)
    except click.UsageError as error:
        pytest.fail(f"{where}: stream-app {' '.join(words)}: {error.message}")


def test_every_agent_is_deployed() -> None:
    assert set(VALUES["agents"]) == set(AGENTS)
    assert set(PROCESSES) | {"topics"} <= set(SERVICES)


def test_a_setting_has_one_place_in_the_values() -> None:
    """What a template sets is refused in `settings`: a pod may name a variable only once."""
    names = {name for path in TEMPLATES for name in VARIABLE.findall(path.read_text())}
    schema = json.loads((CHART / "values.schema.json").read_text())
    refused = schema["properties"]["settings"]["propertyNames"]["not"]["enum"]
    assert set(refused) == {name for name in names if name.startswith(PREFIX)}


def test_only_pods_whose_names_come_back_are_static_members() -> None:
    named = {path.name for path in TEMPLATES if "STREAM_APP_INSTANCE_ID" in path.read_text()}
    stable = {path.name for path in TEMPLATES if "kind: StatefulSet" in path.read_text()}
    assert named == stable == {"worker.yaml"}


@pytest.mark.parametrize("name", ["agents.yaml", "quality.yaml", "signals.yaml", "worker.yaml"])
def test_every_process_is_probed_on_the_port_that_it_is_given(name: str) -> None:
    template = (CHART / "templates" / name).read_text()
    assert 'include "stream-app.probes"' in template
    assert "- name: STREAM_APP_HEALTH_PORT\n" in template
    assert 'value: {{ include "stream-app.health-port" $ | quote }}\n' in template


@pytest.mark.parametrize("name", list(PROCESSES))
def test_compose_asks_every_process_on_the_port_that_it_is_given(name: str) -> None:
    port = SERVICES[name]["environment"]["STREAM_APP_HEALTH_PORT"]
    assert f"http://127.0.0.1:{port}/ready" in SERVICES[name]["healthcheck"]["test"][-1]


def test_the_worker_finds_its_model_where_it_was_assembled() -> None:
    home = image_environment(WORKER_IMAGE)["STREAM_APP_HOME"]
    *_, model_stage, last_stage = WORKER_IMAGE.read_text().split("\nFROM ")
    assert stage_environment(model_stage) == {"STREAM_APP_HOME": home}
    assert f"\nCOPY --from=model {home} {home}\n" in last_stage


def test_the_workers_state_lies_on_a_volume() -> None:
    state = image_environment(WORKER_IMAGE)["STREAM_APP_STATE_DIR"]
    template = (CHART / "templates" / "worker.yaml").read_text()
    assert f"value: {state}\n" in template
    assert f"mountPath: {state}\n" in template
    assert [volume.split(":")[1] for volume in SERVICES["worker"]["volumes"]] == [state]


@pytest.mark.parametrize("name", ["signals", "quality"])
def test_the_state_of_the_counting_lies_on_a_volume_that_its_image_can_write(name: str) -> None:
    state = SERVICES[name]["environment"]["STREAM_APP_STATE_DIR"]
    template = (CHART / "templates" / f"{name}.yaml").read_text()
    assert f"value: {state}\n" in template
    assert f"mountPath: {state}\n" in template
    assert [volume.split(":")[1] for volume in SERVICES[name]["volumes"]] == [state]
    image = (ROOT / "docker" / "agents.Dockerfile").read_text()
    assert f"install --directory --owner=stream-app --group=stream-app {state}\n" in image


def helm(*arguments: str) -> str:
    if shutil.which("helm") is None:
        pytest.skip("helm is not on PATH, so the chart is not rendered")
    done = subprocess.run(["helm", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("values", sorted((CHART / "ci").iterdir()), ids=lambda p: p.stem)
class TestRendered:
    def test_the_chart_passes_its_linter(self, values: Path) -> None:
        helm("lint", "--strict", str(CHART), "--values", str(values))

    def test_no_pod_has_more_rights_or_less_time_than_it_needs(self, values: Path) -> None:
        rendered = helm("template", "shop", str(CHART), "--values", str(values))
        objects = [one for one in yaml.safe_load_all(rendered) if one]
        pods = [one["spec"]["template"]["spec"] for one in objects if "spec" in one]
        assert len(pods) >= len(PROCESSES)
        for pod in pods:
            assert pod["automountServiceAccountToken"] is False
            assert pod["enableServiceLinks"] is False
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            (container,) = pod["containers"]
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            variables = {one["name"]: one.get("value") for one in container["env"]}
            assert len(variables) == len(container["env"])
            assert variables.keys() <= SETTINGS
            assert pod["terminationGracePeriodSeconds"] > float(variables["STREAM_APP_DRAIN_S"])
            if "STREAM_APP_HEALTH_PORT" in variables:
                (port,) = container["ports"]
                assert str(port["containerPort"]) == variables["STREAM_APP_HEALTH_PORT"]
                asked = {name: container[f"{name}Probe"]["httpGet"] for name in PROBES}
                assert {one["port"] for one in asked.values()} == {port["name"]}
                assert {name: one["path"] for name, one in asked.items()} == PROBES
            for secret in SECRETS & variables.keys():
                assert variables[secret] is None
