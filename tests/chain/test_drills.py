"""Every fault once against the running system; `make chaos` does it at length."""

import json

import pytest

from benchmarks.chaos import __main__ as chaos
from benchmarks.chaos.faults import faults_with
from conftest import HOME

pytestmark = pytest.mark.kafka


def drilled(monkeypatch, tmp_path, *options: str) -> tuple[int, dict]:
    found = tmp_path / "found.json"
    for name in ("STREAM_APP_TOPIC_PREFIX", "STREAM_APP_BUCKETS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STREAM_APP_HOME", str(HOME))
    with pytest.raises(SystemExit) as ended:
        chaos.main([*options, "--keep", str(tmp_path), "--json", str(found)])
    return ended.value.code, json.loads(found.read_text())


def test_no_fault_loses_or_doubles_an_event(monkeypatch, tmp_path) -> None:
    faults = faults_with(1)
    code, found = drilled(
        monkeypatch,
        tmp_path,
        *("--events", "1500", "--rate", "25", "--faults", str(len(faults))),
        *("--storage-away-s", "8"),
    )
    assert found["recovery_s"].keys() == faults.keys()
    assert code == 0, found["verdict"]


def test_three_brokers_go_on_without_one(monkeypatch, tmp_path) -> None:
    code, found = drilled(
        monkeypatch,
        tmp_path,
        *("--brokers", "3", "--only", "brokers", "--faults", "3"),
        *("--events", "600", "--rate", "25"),
    )
    assert found["recovery_s"].keys() == {"one of the brokers lost", "one of the brokers frozen"}
    assert code == 0, found["verdict"]


def test_without_transactions_and_applied_offsets_the_comparison_notices(
    monkeypatch, tmp_path
) -> None:
    code, found = drilled(
        monkeypatch,
        tmp_path,
        *("--events", "1000", "--rate", "50", "--faults", "4", "--only", "kill -9 worker"),
        "--careless",
    )
    assert code == 1
    assert found["verdict"]["ranked_twice"] + found["verdict"]["applied_twice"] > 0
