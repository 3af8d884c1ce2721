"""Adapters in the running model: off they change nothing, on they change their own requests."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from mllm.tiny_adapters import random_adapter

from models.engine import (
    AdaptableEngine,
    Embeddable,
    ItemContent,
    ScoreRequest,
    SummaryRequest,
    Taste,
)
from models.errors import AdapterError
from models.mllm.adapter_file import ENTRY, Adapter, read_folder
from models.mllm.adapters import Adapters
from models.mllm.engine import MllmEngine

HATS = ScoreRequest(
    "Likes hats.", ("liked a green hat",), Taste(("colour=green",)), ("a green hat", "shoes", "?")
)
SHOES = ScoreRequest("Likes shoes.", (), Taste(), ("a red dress", "shoes"))
SUMMARY = SummaryRequest("", ("liked a green hat", "liked a red dress"), Taste())


def by(adapter: str | None, *requests):
    return [replace(request, adapter=adapter) for request in requests]


@torch.inference_mode()
def logits(tiny) -> torch.Tensor:
    return tiny.model(input_ids=torch.arange(5, 40).unsqueeze(0)).logits


def test_inactive_adapters_change_no_bit_and_an_active_one_does(tiny):
    before = logits(tiny)
    first, second = random_adapter(tiny), random_adapter(tiny, seed=2)
    adapters = Adapters(tiny.model)
    adapters.load("style@1.0", first)
    adapters.load("colour@2", second)
    assert torch.equal(logits(tiny), before)
    with adapters.active("style@1.0"):
        of_first = logits(tiny)
    with adapters.active("colour@2"):
        of_second = logits(tiny)
    assert (of_first - before).abs().max() > 0.1
    assert (of_first - of_second).abs().max() > 0.1
    assert torch.equal(logits(tiny), before)


def test_an_adapter_acts_as_it_does_in_peft_itself(tiny_llava, tmp_path):
    from peft import PeftModel

    adapter = random_adapter(tiny_llava, lora_alpha=5, use_rslora=True)
    adapter.write_folder(tmp_path)
    wrapped = PeftModel.from_pretrained(tiny_llava.model, tmp_path)
    expected = logits(tiny_llava)
    wrapped.unload()
    adapters = Adapters(tiny_llava.model)
    adapters.load("a", read_folder(tmp_path))
    with adapters.active("a"):
        assert torch.equal(logits(tiny_llava), expected)


def test_an_adapter_can_go_and_come_back_while_another_stays(tiny_llava):
    before = logits(tiny_llava)
    adapters = Adapters(tiny_llava.model)
    adapters.load("a", random_adapter(tiny_llava))
    kept = random_adapter(tiny_llava, seed=2, target_modules=r".*language_model.*\.o_proj")
    adapters.load("b", kept)
    with adapters.active("b"):
        of_b = logits(tiny_llava)
    adapters.unload("a")
    with pytest.raises(AdapterError, match="a is not loaded; loaded: b"), adapters.active("a"):
        pass
    with adapters.active("b"):
        assert torch.equal(logits(tiny_llava), of_b)
    adapters.unload("b")
    assert torch.equal(logits(tiny_llava), before)
    adapters.load("b", kept)
    with adapters.active("b"):
        assert torch.equal(logits(tiny_llava), of_b)


@pytest.mark.parametrize("steps", ["+a -a +b", "+a +b -a +c", "+a +b -b +c -a", "+a +b -a -b +c"])
def test_adapters_come_and_go_in_any_order(steps, tiny_llava):
    """A worker lives through many releases, and refused ones go again at once."""
    before = logits(tiny_llava)
    weights = {name: random_adapter(tiny_llava, seed=ord(name)) for name in "abc"}
    expected = {}
    for name, adapter in weights.items():
        alone = Adapters(tiny_llava.model)
        alone.load(name, adapter)
        with alone.active(name):
            expected[name] = logits(tiny_llava)
        alone.clear()
    adapters, loaded = Adapters(tiny_llava.model), set()
    for sign, name in steps.split():
        if sign == "+":
            adapters.load(name, weights[name])
            loaded.add(name)
        else:
            adapters.unload(name)
            loaded.remove(name)
        assert torch.equal(logits(tiny_llava), before)
        for one in loaded:
            with adapters.active(one):
                assert torch.equal(logits(tiny_llava), expected[one])


def test_a_call_that_fails_leaves_no_adapter_on(tiny_llava):
    before = logits(tiny_llava)
    adapters = Adapters(tiny_llava.model)
    adapters.load("a", random_adapter(tiny_llava))
    with pytest.raises(RuntimeError, match="kernel"), adapters.active("a"):
        raise RuntimeError("kernel failed")
    assert torch.equal(logits(tiny_llava), before)


@pytest.fixture
def engine(tiny_llava) -> MllmEngine:
    return MllmEngine(tiny_llava)


@pytest.fixture
def adapter(tiny_llava) -> Adapter:
    """Random, and small enough that the model still answers Yes or No."""
    return random_adapter(tiny_llava, size=0.03)


def test_requests_of_one_batch_are_answered_by_their_own_adapters(engine, adapter, tiny_llava):
    base = engine.score([HATS, SHOES])
    base_summary = engine.summarise([SUMMARY])
    assert isinstance(engine, AdaptableEngine)
    engine.load_adapter("a@1", adapter.to_bytes())
    engine.load_adapter("b@1", random_adapter(tiny_llava, seed=3, size=0.03).to_bytes())
    of_a, of_b = engine.score(by("a@1", HATS, SHOES)), engine.score(by("b@1", HATS, SHOES))
    mixed = [*by("a@1", HATS), SHOES, *by("b@1", SHOES), HATS, *by("a@1", SHOES)]
    scores = engine.score(mixed)
    expected = [of_a[0], base[1], of_b[1], base[0], of_a[1]]
    for found, alone in zip(scores, expected, strict=True):
        assert found == pytest.approx(alone, abs=1e-5)
    assert max(abs(a - b) for a, b in zip(of_a[0], base[0], strict=True)) > 1e-3
    assert max(abs(a - b) for a, b in zip(of_a[0], of_b[0], strict=True)) > 1e-3
    assert engine.summarise([SUMMARY]) == base_summary
    assert engine.score([HATS, SHOES]) == base


def test_profiles_and_embeddings_are_those_of_the_base_weights(engine, adapter, red):
    items, text = [ItemContent("Red hat", jpeg=red)], [Embeddable("a red hat", red)]
    profiles, rows = engine.profile(items), engine.embed(text)
    engine.load_adapter("a@1", adapter.to_bytes())
    engine.score(by("a@1", HATS))
    assert engine.profile(items) == profiles
    assert (engine.embed(text) == rows).all()


def test_an_adapter_that_is_not_loaded_is_named(engine, adapter):
    engine.load_adapter("a@1", adapter.to_bytes())
    engine.unload_adapter("a@1")
    with pytest.raises(AdapterError, match="a@1 is not loaded"):
        engine.score(by("a@1", HATS))


def spoilt(adapter: Adapter) -> Adapter:
    tensors = {name: torch.full_like(one, torch.nan) for name, one in adapter.tensors.items()}
    return replace(adapter, tensors=tensors)


def renamed(adapter: Adapter, old: str, new: str) -> Adapter:
    tensors = {name.replace(old, new): one for name, one in adapter.tensors.items()}
    return replace(adapter, tensors=tensors)


def halved(adapter: Adapter) -> Adapter:
    only_a = {name: one for name, one in adapter.tensors.items() if "lora_A" in name}
    return replace(adapter, tensors=only_a)


def widened(adapter: Adapter) -> Adapter:
    return replace(adapter, config=adapter.config | {"r": 1_000_000_000})


def configured(adapter: Adapter, **fields: object) -> Adapter:
    return replace(adapter, config=adapter.config | fields)


REFUSED = {
    "another model": (lambda one: replace(one, base="other@1"), "is for model other@1"),
    "other prompts": (lambda one: replace(one, prompt="mllm-0"), "is for prompts mllm-0"),
    "no base": (lambda one: replace(one, base=None), "base model and prompts"),
    "not a number": (spoilt, "no numbers"),
    "vision tower": (lambda one: renamed(one, "language_model", "vision_tower"), "language model"),
    "a head": (lambda one: renamed(one, "lora_A", "lora_head"), "language model"),
    "half of it": (halved, "two each are needed"),
    "a rank that fills the memory": (widened, "1000000000"),
    "weights that replace others": (
        lambda one: configured(one, modules_to_save=["lm_head"]),
        "modules_to_save",
    ),
    "a scaling we don't read": (lambda one: configured(one, alpha_pattern={"q": 1}), "alpha_patt"),
    "base weights changed at start": (
        lambda one: configured(one, init_lora_weights="pissa"),
        "init_lora_weights='pissa'",
    ),
    "no LoRA": (lambda one: configured(one, peft_type="IA3"), "type IA3"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_by_its_name_and_changes_nothing(
    case, engine, adapter, tiny_llava
):
    change, named = REFUSED[case]
    before = logits(tiny_llava)
    engine.load_adapter("good@1", adapter.to_bytes())
    of_good = engine.score(by("good@1", HATS))
    with pytest.raises(AdapterError, match=named):
        engine.load_adapter("bad@1", change(adapter).to_bytes())
    with pytest.raises(AdapterError, match="bad@1 is not loaded"):
        engine.score(by("bad@1", HATS))
    assert torch.equal(logits(tiny_llava), before)
    assert engine.score(by("good@1", HATS)) == of_good


def test_one_with_which_the_model_answers_something_else_is_refused(engine, tiny_llava):
    before = logits(tiny_llava)
    with pytest.raises(AdapterError, match="Yes or No with probability"):
        engine.load_adapter("bad@1", random_adapter(tiny_llava, size=10).to_bytes())
    with pytest.raises(AdapterError, match="bad@1 is not loaded"):
        engine.score(by("bad@1", HATS))
    assert torch.equal(logits(tiny_llava), before)


class Evil:
    """What a pickle runs when it is read."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was read",))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 100,
        pickle.dumps(Evil()),
        (2**63).to_bytes(8, "little") + b"{}",
        safetensors.torch.save({"x": torch.ones(1)}),
        safetensors.torch.save({"x": torch.ones(1)}, {ENTRY: "[1]"}),
        safetensors.torch.save({"x": torch.ones(1)}, {ENTRY: "{not json"}),
        safetensors.torch.save({"x": torch.ones(1)}, {ENTRY: '{"config": 1}'}),
    ],
    ids=[
        "empty",
        "zeros",
        "pickle",
        "endless header",
        "no metadata",
        "a list",
        "no JSON",
        "a number",
    ],
)
def test_bytes_that_are_no_adapter_are_refused(data, engine):
    with pytest.raises(AdapterError, match="bytes are no adapter"):
        engine.load_adapter("a@1", data)


def test_a_file_cut_anywhere_is_refused(adapter, engine):
    whole = adapter.to_bytes()
    for length in range(0, len(whole), 997):
        with pytest.raises(AdapterError):
            engine.load_adapter("a@1", whole[:length])


def test_a_folder_of_pickles_is_refused(tmp_path: Path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    (tmp_path / "adapter_model.bin").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(AdapterError, match=r"no adapter_model\.safetensors"):
        read_folder(tmp_path)


def test_equal_adapters_are_equal_bytes(adapter):
    """Else the hash would tell releases of one adapter apart."""
    assert len({adapter.to_bytes() for _ in range(20)}) == 1


def test_a_folder_and_a_file_say_the_same(adapter, tmp_path):
    adapter.write_folder(tmp_path)
    for read in (read_folder(tmp_path), Adapter.from_bytes(adapter.to_bytes())):
        assert (read.config, read.base, read.prompt) == (
            adapter.config,
            adapter.base,
            adapter.prompt,
        )
        assert all(torch.equal(read.tensors[name], one) for name, one in adapter.tensors.items())
