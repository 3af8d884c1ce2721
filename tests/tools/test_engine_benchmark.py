import json

import pytest
import torch

from benchmarks import engine
from benchmarks.made_models import random_llava
from benchmarks.made_users import made_catalogue, made_inputs
from models.preference import BLOCK_SIZE
from models.weightless import WeightlessEngine


def test_it_measures_a_model_of_random_weights(tmp_path, capsys):
    found = tmp_path / "figures.json"
    engine.main(
        ["--no-model", "--shape", "tiny", "--device", "cpu", "--quick", "--json", str(found)]
    )
    figures = json.loads(found.read_text())["figures"]
    assert len(figures) == 3
    assert all(one["ratio"] > 0 for one in figures)
    assert "LLaVA tiny" in capsys.readouterr().out


def test_a_picture_counts_with_its_tokens():
    size = engine.Size(rounds=3, users=1, candidates=4, prefix=60)
    row = engine.made_row(size, 512)
    assert (row.num_tokens, row.longest, len(row.ends)) == (108, 72, 4)


def test_a_comparison_is_of_medians():
    figure = engine.compare("one", lambda: sum(range(100_000)), lambda: None, 3, reach=2.0)
    assert figure.ratio == pytest.approx(figure.slow_s / figure.fast_s)
    assert figure.share == figure.ratio / 2


def test_it_measures_many_users_at_once():
    size = engine.Size(rounds=2, users=4, candidates=4)
    whole, summaries = engine.measure_users(WeightlessEngine(), size, lambda _: None)
    assert whole.ratio > 0
    assert summaries.ratio > 0


def test_a_third_of_the_users_get_a_summary():
    weightless = WeightlessEngine()
    inputs = made_inputs(weightless, made_catalogue(weightless, 20), 6)
    assert sum(one.state.block_size == BLOCK_SIZE - 1 for one in inputs) == 2


def test_what_is_written_in_one_round_is_forgotten_before_the_next():
    model = random_llava("tiny", torch.device("cpu"), torch.float32)
    writing = engine.Writing(model, users=2)
    writing.write()
    assert writing._cache.get_seq_length() == engine.SUMMARY_PROMPT
    assert engine.measure_decoding(model, 2, lambda _: None, rounds=2).ratio > 0
