"""Packed scores are those of one prompt per candidate, whichever class the model is of."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from mllm.tiny_models import (
    CHAT_TEMPLATE,
    llava_llama,
    llava_mistral,
    processor,
    qwen2_vl,
    smolvlm,
    tokenizer,
)
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from models.errors import InputError, ModelLoadError
from models.mllm import packed_attention, prefix_cache
from models.mllm.load import load
from models.mllm.scoring import Scorer, answer_ids

BUILDERS = [llava_llama, llava_mistral, qwen2_vl, smolvlm]
PREFIXES = ["<|user|>This person likes blue hoodies. Item:", "<|user|>Item:"]
CANDIDATES = [
    [f" {item}<|end|><|assistant|>" for item in ("a blue hoodie", "shoes", "a green hat, of wool")],
    [" a blue coat<|end|><|assistant|>"],
]


@pytest.fixture(scope="module")
def words() -> PreTrainedTokenizerFast:
    return tokenizer()


@pytest.fixture(params=BUILDERS, ids=lambda build: build.__name__)
def model(request: pytest.FixtureRequest, words: PreTrainedTokenizerFast) -> PreTrainedModel:
    build: Callable[[PreTrainedTokenizerFast], PreTrainedModel] = request.param
    return build(words)


@pytest.fixture
def scorer(model: PreTrainedModel, words: PreTrainedTokenizerFast) -> Scorer:
    return Scorer(model, processor(words))


def full_forward(model: PreTrainedModel, scorer: Scorer, text: str) -> float:
    """The paper's score by the library alone: one prompt, all logits, a softmax of two."""
    ids = torch.tensor([scorer._tokenizer.encode(text, add_special_tokens=False)])
    with torch.inference_mode():
        last = model(input_ids=ids).logits[0, -1].double()
    return last[list(scorer._answers)].softmax(0)[0].item()


def test_packed_scores_are_those_of_whole_prompts(model, scorer):
    scores = scorer.score(PREFIXES, CANDIDATES)

    assert scorer.way == "packed"
    for prefix, candidates, of_user in zip(PREFIXES, CANDIDATES, scores, strict=True):
        expected = [full_forward(model, scorer, prefix + candidate) for candidate in candidates]
        assert of_user == pytest.approx(expected, abs=1e-4)


def test_scores_tell_candidates_apart(scorer):
    first_user = scorer.score(PREFIXES, CANDIDATES)[0]

    assert max(first_user) - min(first_user) > 1e-2


@pytest.mark.parametrize("way", ["prefix cache", "one by one"])
def test_each_way_gives_the_same(scorer, way):
    packed = scorer.score(PREFIXES, CANDIDATES)
    scorer.way = way

    other = scorer.score(PREFIXES, CANDIDATES)

    for left, right in zip(packed, other, strict=True):
        assert left == pytest.approx(right, abs=1e-4)


@pytest.mark.parametrize("tokens", [1, 20])
def test_how_candidates_are_grouped_changes_nothing(scorer, monkeypatch, tokens):
    expected = scorer.score(PREFIXES, CANDIDATES)
    monkeypatch.setitem(packed_attention.GROUP_TOKENS, "cpu", tokens)

    regrouped = scorer.score(PREFIXES, CANDIDATES)

    for left, right in zip(expected, regrouped, strict=True):
        assert left == pytest.approx(right, abs=1e-4)


def test_a_score_does_not_depend_on_who_else_is_scored(scorer):
    together = scorer.score(PREFIXES, CANDIDATES)

    alone = [
        [scorer.score([prefix], [[candidate]])[0][0] for candidate in candidates]
        for prefix, candidates in zip(PREFIXES, CANDIDATES, strict=True)
    ]

    for left, right in zip(together, alone, strict=True):
        assert left == pytest.approx(right, abs=1e-4)


def test_candidates_that_fill_many_rows_keep_their_order(scorer, monkeypatch):
    expected = scorer.score(PREFIXES, CANDIDATES)
    monkeypatch.setattr("models.mllm.scoring.MAX_BATCH_TOKENS", 1)

    one_per_row = scorer.score(PREFIXES, CANDIDATES)

    for left, right in zip(expected, one_per_row, strict=True):
        assert left == pytest.approx(right, abs=1e-4)


def test_equal_candidates_get_equal_scores(scorer):
    same = [" a blue hoodie<|end|><|assistant|>"] * 3

    scores = scorer.score(PREFIXES[:1], [same])[0]

    assert scores == pytest.approx([scores[0]] * 3, abs=1e-6)


def test_no_users_and_no_candidates(scorer):
    assert scorer.score([], []) == []
    assert scorer.score(PREFIXES, [[], CANDIDATES[1]])[0] == []


def test_a_prompt_longer_than_the_model_reads_is_refused(scorer):
    with pytest.raises(InputError, match=r"reads 1024"):
        scorer.score(["<|user|>" + "?" * 1100], [[" a hat<|assistant|>"]])


def test_a_sliding_window_is_kept(words):
    model = llava_mistral(words)
    scorer = Scorer(model, processor(words))
    prefix = "<|user|>" + "a blue hoodie, shoes, a green hat " * 8 + "Item:"
    candidate = " a wool coat<|end|><|assistant|>"

    score = scorer.score([prefix], [[candidate, candidate]])[0][0]

    assert score == pytest.approx(full_forward(model, scorer, prefix + candidate), abs=1e-4)


def test_past_the_window_the_prefix_comes_from_the_cache(words, monkeypatch):
    model = llava_mistral(words)
    scorer = Scorer(model, processor(words))
    behind_cache = Mock(side_effect=prefix_cache.last_hidden)
    monkeypatch.setattr(prefix_cache, "last_hidden", behind_cache)
    prefix = "<|user|>" + "a blue hoodie, shoes, a green hat " * 8 + "Item:"

    scores = scorer.score([prefix, prefix], CANDIDATES)

    assert scorer.way == "packed"
    assert behind_cache.call_count == 2
    for candidates, of_user in zip(CANDIDATES, scores, strict=True):
        expected = [full_forward(model, scorer, prefix + candidate) for candidate in candidates]
        assert of_user == pytest.approx(expected, abs=1e-4)


class OwnAttention(torch.nn.Module):
    """A decoder whose layers don't ask the configuration which attention to use."""

    def __init__(self, decoder: torch.nn.Module) -> None:
        super().__init__()
        self.decoder = decoder
        self.config = deepcopy(decoder.config)
        self.device = decoder.device

    def forward(self, sections: object = None, **inputs: torch.Tensor) -> object:
        return self.decoder(**inputs)


class WithoutCache(OwnAttention):
    """One that keeps nothing of a prefix, too."""

    def forward(self, past_key_values: object = None, **inputs: torch.Tensor) -> object:
        return super().forward(**inputs)


@pytest.mark.parametrize(
    ("kind", "way"), [(OwnAttention, "prefix cache"), (WithoutCache, "one by one")]
)
def test_a_model_is_scored_in_the_first_way_that_is_right(words, caplog, kind, way):
    model = llava_llama(words)
    expected = Scorer(model, processor(words)).score(PREFIXES, CANDIDATES)
    decoder = kind(model.get_decoder())
    model.get_decoder = lambda: decoder

    with caplog.at_level(logging.WARNING, logger="models.mllm.scoring"):
        scorer = Scorer(model, processor(words))

    assert scorer.way == way
    assert "a way to score" in caplog.text
    for left, right in zip(scorer.score(PREFIXES, CANDIDATES), expected, strict=True):
        assert left == pytest.approx(right, abs=1e-4)


def test_the_answers_share_of_probability_is_told(scorer):
    shares = {}
    for scorer.way in ("packed", "prefix cache", "one by one"):
        scorer.score(PREFIXES[1:], CANDIDATES[1:])
        shares[scorer.way] = scorer.label_mass

    text = PREFIXES[1] + CANDIDATES[1][0]
    ids = torch.tensor([scorer._tokenizer.encode(text, add_special_tokens=False)])
    with torch.inference_mode():
        last = scorer._model(input_ids=ids).logits[0, -1].softmax(0)
    expected = last[list(scorer._answers)].sum().item()
    assert list(shares.values()) == pytest.approx([expected] * 3, rel=1e-4)


@pytest.mark.parametrize("others", [0.0, 20.0])
def test_a_model_with_other_things_to_say_is_refused(words, others):
    model = llava_llama(words)
    model.lm_head.weight.data *= others
    model.lm_head.weight.data[list(answer_ids(processor(words)))] = 0
    scorer = Scorer(model, processor(words))

    with pytest.raises(ModelLoadError, match="instruction-tuned") if others else nullcontext():
        scorer.require_label_mass()


def test_answers_are_the_tokens_of_the_words(words):
    assert [words.decode([answer]) for answer in answer_ids(processor(words))] == ["Yes", "No"]


def test_answers_are_read_in_their_place(words):
    spaced = tokenizer(["[INST] a hat? [/INST] Yes [INST] shoes? [/INST] No Yes No Yes No"])
    template = (
        CHAT_TEMPLATE.replace(
            "<|{{ message['role'] }}|>",
            "{{ '[INST] ' if message['role'] == 'user' else '[/INST] ' }}",
        )
        .replace("<|assistant|>", "[/INST]")
        .replace("<|end|>", "")
    )

    yes, no = answer_ids(processor(spaced, template))

    assert [spaced.decode([yes]), spaced.decode([no])] == [" Yes", " No"]


def test_answers_of_several_tokens_are_refused():
    never_said_yes = tokenizer(["This person likes shoes."])

    with pytest.raises(ModelLoadError, match="one token each"):
        answer_ids(processor(never_said_yes))


@pytest.fixture(scope="module")
def default_scorer(default_model: Path) -> Scorer:
    loaded = load(default_model)
    return Scorer(loaded.model, loaded.processor)


CHAT = "<|im_start|>user\nA person likes blue hoodies.\nWould they like this? Yes or No.\nItem:"
ENDS = [
    f" {item}<|im_end|>\n<|im_start|>assistant\n"
    for item in ("a blue hoodie", "a red summer dress with a print of small flowers", "rain")
]


@pytest.mark.model
def test_the_default_model_packs(default_scorer):
    assert default_scorer.way == "packed"
    packed = default_scorer.score([CHAT], [ENDS])[0]
    default_scorer.way = "one by one"
    one_by_one = default_scorer.score([CHAT], [ENDS])[0]
    default_scorer.way = "packed"

    assert packed == pytest.approx(one_by_one, abs=1e-3)
    assert all(0 <= score <= 1 for score in packed)


@pytest.mark.model
def test_the_default_model_answers_in_one_token(default_scorer):
    words = default_scorer._tokenizer

    assert [words.decode([answer]) for answer in default_scorer._answers] == ["Yes", "No"]
