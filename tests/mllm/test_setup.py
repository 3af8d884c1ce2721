"""`stream-app setup` makes room for the new default model, and touches nothing of others."""

from pathlib import Path

from safetensors import safe_open

from models.mllm import default_model
from models.mllm.prompts import PROMPT_VERSION
from models.mllm.trained import PROJECTOR_WEIGHTS, PROMPT, TRAINED
from stream_app.config import Settings
from stream_app.engine import assemble_default_model, default_model_folder


def test_an_older_default_model_gives_way_and_nothing_else(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(default_model, "assemble", lambda folder, **_: folder.mkdir(parents=True))
    models = tmp_path / "models"
    elsewhere = tmp_path / "elsewhere"
    old = ["default", "default-untrained", "default-0123abcd"]
    kept = ["default-mine", "defaults", "llava", "default-0123abcd-backup"]
    for name in [*old, *kept]:
        (models / name).mkdir(parents=True)
    elsewhere.mkdir()
    (models / "default-99999999").symlink_to(elsewhere)
    told: list[str] = []
    assemble_default_model(Settings(home=tmp_path), progress=told.append)
    now = default_model_folder(tmp_path)
    assert {one.name for one in models.iterdir()} == {now.name, *kept, "default-99999999"}
    assert elsewhere.is_dir()
    assert sorted(told) == [f"Removing the older {name}" for name in sorted(old)]


def test_a_model_that_is_there_is_not_made_again(tmp_path: Path, monkeypatch) -> None:
    default_model_folder(tmp_path).mkdir(parents=True)
    monkeypatch.setattr(default_model, "assemble", lambda *_, **__: 1 / 0)
    assemble_default_model(Settings(home=tmp_path), progress=print)


def test_the_shipped_weights_were_taught_with_the_prompts_of_this_version() -> None:
    with safe_open(TRAINED / PROJECTOR_WEIGHTS, framework="pt") as projector:
        assert projector.metadata() == {PROMPT: PROMPT_VERSION}
