"""The whole of `stream-app finetune`, with a model of two layers."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from finetune.small_shop import CountingEngine, catalogue, job, log, tiny_model
from peft import PeftModel
from safetensors import safe_open
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from models.engine import ScoreRequest, Taste
from models.mllm.engine import MllmEngine
from rows import write_rows
from stream_app.finetune.command import finetune
from stream_app.finetune.errors import FinetuneError
from stream_app.finetune.job import Job
from stream_app.finetune.run import run_finetune
from stream_app.tables import TableError

ASKED = ScoreRequest("Likes hoodies.", (), Taste(), ("blue hoodie 3", "red dress 4"))


class Steps(TrainerCallback):
    """Counts steps, and kills the training after some of them."""

    def __init__(self, kill_after: int | None = None) -> None:
        self.num_steps = 0
        self.reached = 0
        self.kill_after = kill_after

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_options: object,
    ) -> None:
        self.num_steps += 1
        self.reached = state.global_step
        if self.num_steps == self.kill_after:
            raise KeyboardInterrupt


def trained(
    of_job: Job, *callbacks: TrainerCallback
) -> tuple[dict[str, float], CountingEngine, list[str]]:
    model = tiny_model()
    engine = CountingEngine(model)
    told: list[str] = []
    metrics = run_finetune(
        of_job,
        model,
        engine,
        progress=lambda *_: None,
        tell=told.append,
        callbacks=callbacks,
    )
    return metrics, engine, told


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, dict[str, float], int]:
    """A job that is done, its metrics, and its number of steps."""
    done = job(tmp_path_factory.mktemp("shop"))
    steps = Steps()
    metrics, engine, _ = trained(done, steps)
    assert engine.num_profiles > 0
    assert engine.num_summaries > 0
    return done, metrics, steps.reached


Finished = tuple[Job, dict[str, float], int]


def test_what_can_be_learned_is_learned(finished: Finished) -> None:
    _, metrics, _ = finished
    assert metrics["auc"] > metrics["base_auc"] + 0.15
    assert metrics["gauc"] > metrics["base_gauc"]
    assert metrics["auc"] > 0.75


def test_the_adapter_loads_and_changes_scores(finished: Finished) -> None:
    done, _, _ = finished
    model = tiny_model()
    [before] = MllmEngine(model).score([ASKED])
    PeftModel.from_pretrained(model.model, str(done.out))
    [after] = MllmEngine(model).score([ASKED])
    assert before != after
    assert after[0] - after[1] > before[0] - before[1]


def test_only_the_language_model_is_adapted(finished: Finished) -> None:
    with safe_open(finished[0].out / "adapter_model.safetensors", framework="pt") as file:
        names = list(file.keys())
        about = json.loads(file.metadata()["stream_app_adapter"])
    assert all(".language_model." in name for name in names)
    assert (about["base"], about["prompt"]) == (
        "tiny@0",
        CountingEngine(tiny_model()).versions.prompt,
    )


def test_no_file_has_a_path_of_this_machine(finished: Finished) -> None:
    done, _, _ = finished
    for path in done.out.glob("*.*"):
        assert str(done.events.parent).encode() not in path.read_bytes(), path
    config = json.loads((done.out / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] is None


def test_the_card_says_what_it_is(finished: Finished) -> None:
    done, metrics, _ = finished
    card = (done.out / "README.md").read_text()
    told = json.loads((done.out / "training.json").read_text())
    assert told["events_sha256"] in card
    assert told["items_sha256"] in card
    assert f"{metrics['auc']:.4f}" in card
    assert f"{metrics['mostpop_gauc']:.4f}" in card
    assert "newest event | 2023-11-1" in card
    assert "stream-app finetune --events events.jsonl --items items.jsonl --out adapter" in card
    assert json.loads((done.out / "metrics.json").read_text()) == metrics


def test_again_nothing_is_read_and_nothing_is_trained(finished: Finished) -> None:
    done, metrics, _ = finished
    again, engine, told = trained(done, Steps(kill_after=1))
    assert again == metrics
    assert (engine.num_profiles, engine.num_summaries) == (0, 0)
    assert any("has this adapter already" in line for line in told)


def test_interrupted_it_goes_on_to_the_same_end(finished: Finished, tmp_path: Path) -> None:
    _, metrics, num_steps = finished
    again = job(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        trained(again, Steps(kill_after=num_steps // 2))
    rest = Steps()
    found, engine, told = trained(again, rest)
    assert rest.reached == num_steps
    assert rest.num_steps < num_steps
    assert (engine.num_profiles, engine.num_summaries) == (0, 0)
    assert any("going on from checkpoint" in line for line in told)
    assert found == pytest.approx(metrics, abs=1e-4)


def test_an_adapter_of_another_model_is_not_lost(finished: Finished) -> None:
    done, _, _ = finished
    model = replace(tiny_model(), name="other@1")
    with pytest.raises(FinetuneError, match="has an adapter for tiny@0, this model is other@1"):
        run_finetune(done, model, MllmEngine(model), progress=lambda *_: None, tell=lambda _: None)


def test_too_few_users_are_refused(tmp_path: Path) -> None:
    small = job(tmp_path)
    write_rows(small.events, log(num_users=2, num_events=4))
    with pytest.raises(FinetuneError, match="at least 10 are needed"):
        trained(small)


def test_a_log_without_a_positive_is_refused(tmp_path: Path) -> None:
    disliked = job(tmp_path)
    write_rows(disliked.events, [{**row, "kind": "dislike"} for row in log()])
    with pytest.raises(FinetuneError, match="none of 96 events speaks for its item"):
        trained(disliked)


def test_pictures_of_another_folder_are_asked_for(tmp_path: Path) -> None:
    elsewhere = job(tmp_path)
    write_rows(elsewhere.items, [{**one, "image": f"{one['item_id']}.jpg"} for one in catalogue()])
    with pytest.raises(TableError, match=r"none of .* pictures is in .* with --pictures"):
        trained(elsewhere)


def test_the_command_writes_an_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    model.model.save_pretrained(tmp_path / "model")
    model.processor.save_pretrained(tmp_path / "model")
    files = job(tmp_path)
    monkeypatch.setenv("MODEL_ID", str(tmp_path / "model"))
    options = ["--events", files.events, "--items", files.items, "--out", files.out]
    options += ["--epochs", 1, "--validation-share", 0.3, "--max-users", 8]
    done = CliRunner().invoke(finetune, [str(one) for one in options], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{files.out}: AUC 0.")
    assert {"adapter_model.safetensors", "adapter_config.json", "README.md"} <= {
        path.name for path in files.out.iterdir()
    }
    assert str(tmp_path) not in (files.out / "README.md").read_text()


def test_an_engine_without_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAM_APP_ENGINE", "weightless")
    files = job(tmp_path)
    options = ["--events", files.events, "--items", files.items, "--out", files.out]
    with pytest.raises(FinetuneError, match="no weights to train"):
        CliRunner().invoke(finetune, [str(one) for one in options], catch_exceptions=False)
