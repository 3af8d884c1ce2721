"""That no check hides, holds up or breaks the others, and that nothing secret is shown."""

import asyncio
import socket
from datetime import timedelta
from io import StringIO
from pathlib import Path

import orjson
import pytest
from pydantic import SecretStr
from rich.console import Console

from stream_app.agents.run import AGENTS
from stream_app.config import Settings
from stream_app.doctor.command import findings_table, totals
from stream_app.doctor.examination import examine, in_time
from stream_app.doctor.finding import Finding, Verdict, ok, warning, wrong
from stream_app.doctor.groups import COMMANDS, sources
from stream_app.embedded.ports import HOST
from stream_app.supervise import PROCESSES

HIDDEN = "hush-hush"
PATIENCE = timedelta(minutes=5)


@pytest.fixture
def silent(tmp_path: Path) -> Settings:
    """Settings whose servers take connections and never answer."""
    with socket.create_server((HOST, 0)) as server:
        address = f"{HOST}:{server.getsockname()[1]}"
        yield Settings(
            kafka_bootstrap_servers=address,
            s3_endpoint=address,
            s3_secure=False,
            s3_access_key=SecretStr("someone"),
            s3_secret_key=SecretStr(HIDDEN),
            engine="openai",
            openai_base_url=f"http://{address}/v1",
            openai_api_key=SecretStr(HIDDEN),
            openai_timeout_s=0.5,
            home=tmp_path,
        )


def by_check(findings: list[Finding]) -> dict[str, Verdict]:
    return {one.check: one.verdict for one in findings}


async def test_servers_that_never_answer_cost_a_line_each(silent: Settings) -> None:
    found = await examine(silent, PATIENCE, deadline_s=0.5)
    assert by_check(found) == {
        "brokers": Verdict.WRONG,
        "object storage": Verdict.WRONG,
        "model": Verdict.WRONG,
        "disk": by_check(found)["disk"],
    }
    assert HIDDEN not in orjson.dumps(found).decode()


async def test_servers_that_are_away_are_named_with_their_settings(silent: Settings) -> None:
    away = silent.model_copy(
        update={"kafka_bootstrap_servers": f"{HOST}:1", "s3_endpoint": f"{HOST}:1"}
    )
    found = {one.check: one for one in await examine(away, PATIENCE)}
    assert "KAFKA_BOOTSTRAP_SERVERS" in found["brokers"].message
    assert "S3_ENDPOINT" in found["bucket media"].message
    assert HIDDEN not in orjson.dumps(list(found.values())).decode()


@pytest.mark.parametrize(
    ("process", "looked_at"),
    [
        (None, {"bucket media", "bucket adapters", "model", "disk"}),
        ("ingest", {"bucket media"}),
        ("profile", {"bucket media"}),
        ("publish", set()),
        ("worker", {"bucket adapters", "model", "disk"}),
        ("signals", {"disk"}),
        ("quality", {"disk"}),
    ],
)
async def test_a_process_is_not_asked_for_the_keys_and_files_of_others(
    silent: Settings, process: str | None, looked_at: set[str]
) -> None:
    away = silent.model_copy(
        update={"kafka_bootstrap_servers": f"{HOST}:1", "s3_endpoint": f"{HOST}:1"}
    )
    found = await examine(away, PATIENCE, process=process)
    assert by_check(found).keys() == {"brokers"} | looked_at


async def test_a_check_that_breaks_or_hangs_is_a_finding() -> None:
    async def breaks() -> list[Finding]:
        raise ZeroDivisionError("by nought")

    async def hangs() -> list[Finding]:
        return await asyncio.Future()

    (broken,) = await in_time("a", breaks, 5)
    (hung,) = await in_time("b", hangs, 0.01)
    assert (broken.check, broken.verdict) == ("a", Verdict.WRONG)
    assert "ZeroDivisionError" in broken.message
    assert (hung.check, hung.verdict) == ("b", Verdict.WRONG)


async def test_groups_follow_what_the_agents_read() -> None:
    settings = Settings(topic_prefix="eu.")
    for name, build in AGENTS.items():
        stage = build(settings)
        stage.close()
        assert sources(settings.topics)[name] == (stage.source.name,)
    assert sources(settings.topics).keys() == COMMANDS.keys() == set(PROCESSES)


def test_the_table_shows_verdicts_and_takes_no_orders_from_names() -> None:
    hostile = "[/bold]\x1b]0;owned\x07[red]"
    findings = [ok("disk", "fine"), warning("dead letters", hostile), wrong("topics", "missing")]
    shown = StringIO()
    console = Console(file=shown, width=200)
    console.print(findings_table(findings))
    console.print(totals(findings))
    assert "\x1b" not in shown.getvalue()
    assert "[/bold]" in shown.getvalue()
    assert shown.getvalue().endswith("1 wrong, 1 warning, 1 ok\n")
