"""What is learned: the answer and nothing else, in packed rows as in single ones."""

import math

import pytest
import torch
from mllm.tiny_models import tiny_model
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy

from models.engine import ScoreRequest, Taste
from models.errors import ModelLoadError
from models.mllm.chat import render, special_tokens, tokenize
from models.mllm.load import LoadedModel
from models.mllm.prompts import Plain, score_prompt
from models.mllm.scoring import Scorer
from models.mllm.training.loss import collate, losses
from models.mllm.training.rows import NO_TARGET, RowBuilder
from models.mllm.training.train import Plan, train

ASKED = [{"role": "user", "content": [{"type": "text", "text": "a blue hoodie?"}]}]


def builder(loaded: LoadedModel) -> tuple[RowBuilder, Plain]:
    plain = Plain(special_tokens(loaded.tokenizer))
    return RowBuilder(loaded, plain), plain


def request(liked: str, *candidates: str) -> ScoreRequest:
    return ScoreRequest(f"Likes {liked}.", (), Taste(), candidates)


def test_only_the_answer_is_learned(tiny: LoadedModel) -> None:
    rows, _ = builder(tiny)
    row = rows.written(ASKED, "a blue hoodie")
    learned = row.words[row.words != NO_TARGET]
    prompt = tokenize(tiny.tokenizer, [render(tiny.processor, ASKED)])[0]
    assert tiny.tokenizer.decode(learned[:-1]) == "a blue hoodie"
    assert learned[-1] == tiny.tokenizer.eos_token_id
    assert (row.words[: len(prompt) - 1] == NO_TARGET).all()
    assert row.yes.isnan().all()


def test_an_open_answer_has_no_end(tiny: LoadedModel) -> None:
    rows, _ = builder(tiny)
    row = rows.written(ASKED, "a blue hoodie", ends=False)
    learned = row.words[row.words != NO_TARGET]
    assert tiny.tokenizer.decode(learned) == "a blue hoodie"


def test_words_cost_their_cross_entropy(tiny: LoadedModel) -> None:
    rows, _ = builder(tiny)
    row = rows.written(ASKED, "a blue hoodie")
    with torch.inference_mode():
        loss, _ = losses(tiny.model, collate([row]), rows.answers)
        logits = tiny.model(input_ids=torch.tensor([row.row.ids])).logits[0]
    expected = cross_entropy(logits, row.words, ignore_index=NO_TARGET)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)


def test_packed_pairs_cost_what_single_ones_cost(tiny: LoadedModel) -> None:
    rows, plain = builder(tiny)
    targets = (0.9, 0.2, 0.5)
    together = rows.ranked(request("blue", "a blue hoodie", "shoes", "a green hat"), targets)
    other = rows.ranked(request("wool and rain", "shoes"), (0.1,))
    with torch.inference_mode():
        loss, difference = losses(tiny.model, collate([together, other]), rows.answers)
        costs = []
        for one, of_one in (
            (request("blue", "a blue hoodie"), 0.9),
            (request("blue", "shoes"), 0.2),
            (request("blue", "a green hat"), 0.5),
            (request("wool and rain", "shoes"), 0.1),
        ):
            prompt = render(tiny.processor, score_prompt(one, plain))
            text = prompt.replace("\ue000", f" {one.candidates[0]}")
            [ids] = tokenize(tiny.tokenizer, [text])
            told = tiny.model(input_ids=torch.tensor([ids])).logits[0, -1].log_softmax(-1)
            yes, no = told[list(rows.answers)].tolist()
            costs.append(-of_one * yes - (1 - of_one) * no)
    assert loss.item() == pytest.approx(sum(costs) / len(costs), rel=1e-3)
    assert len(difference) == 4


def test_training_is_what_scoring_sees(tiny: LoadedModel) -> None:
    rows, plain = builder(tiny)
    asked = request("blue", "a blue hoodie", "shoes")
    with torch.inference_mode():
        _, difference = losses(tiny.model, collate([rows.ranked(asked, (1.0, 0.0))]), rows.answers)
    from models.mllm.scoring import score_texts

    prefix, candidates = score_texts(tiny.processor, asked, plain)
    [scores] = Scorer(tiny.model, tiny.processor).score([prefix], [candidates])
    assert torch.sigmoid(difference).tolist() == pytest.approx(scores, abs=1e-4)


def test_an_adapter_learns_and_goes_on_where_it_was(tiny_llava: LoadedModel, tmp_path) -> None:
    rows, _ = builder(tiny_llava)
    liked, other = "a blue hoodie", "shoes"
    batches = [
        [rows.ranked(request(liked, liked, other), (1.0, 0.0))],
        [rows.ranked(request(other, liked, other), (0.0, 1.0))],
    ] * 40
    plan = Plan(learning_rate=2e-2, evaluate_every=20, patience=9)
    told: list[str] = []
    metrics = train(
        tiny_llava, rows.answers, batches, batches[:2], plan, tmp_path, progress=told.append
    )
    assert metrics["auc"] == 1.0
    assert metrics["loss"] < 0.5 * math.log(2)
    assert {one.name for one in tmp_path.iterdir()} >= {
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def test_training_goes_on_from_weights_that_are_given(tiny_llava: LoadedModel, tmp_path) -> None:
    rows, _ = builder(tiny_llava)
    batches = [[rows.ranked(request("hats", "a blue hat", "shoes"), (1.0, 0.0))]] * 2
    told = {"progress": print}
    first = Plan(learning_rate=2e-2, evaluate_every=1, warmup_steps=0, patience=None)
    train(tiny_llava, rows.answers, batches, batches, first, tmp_path / "a", **told)
    start = load_file(tmp_path / "a" / "adapter_model.safetensors")
    still = Plan(learning_rate=0.0, evaluate_every=1, patience=None)
    train(
        tiny_model("llava"),
        rows.answers,
        batches,
        batches,
        still,
        tmp_path / "b",
        start=start,
        **told,
    )
    after = load_file(tmp_path / "b" / "adapter_model.safetensors")
    assert start.keys() == after.keys()
    assert any(tensor.any() for name, tensor in start.items() if "lora_B" in name)
    for name, tensor in start.items():
        assert torch.equal(tensor, after[name]), name


def test_weights_that_fit_nowhere_are_refused(tiny_llava: LoadedModel, tmp_path) -> None:
    rows, _ = builder(tiny_llava)
    batches = [[rows.ranked(request("hats", "a blue hat", "shoes"), (1.0, 0.0))]]
    odd = {"base_model.model.elsewhere.lora_A.weight": torch.zeros(8, 8)}
    with pytest.raises(ModelLoadError, match="don't fit"):
        train(
            tiny_llava, rows.answers, batches, batches, Plan(), tmp_path, start=odd, progress=print
        )
