"""A composed adapter keeps what each of its parts could do."""

from dataclasses import replace

import pytest
import torch
from mllm.tiny_adapters import num_right, random_adapter, trained_adapter, wrong_answers

from models.adapters import COMPOSITION_METHODS
from models.errors import AdapterError
from models.mllm.adapter_file import Adapter
from models.mllm.adapters import Adapters
from models.mllm.composition import compose

HATS = ("a blue hoodie", "a green hat", "shoes")
DRESSES = (
    "a striped shirt, a wool coat, a short skirt",
    "red summer dress with small flowers",
    "rain or film or this person?",
)


@pytest.fixture
def tasks(tiny_llava):
    return wrong_answers(tiny_llava, HATS), wrong_answers(tiny_llava, DRESSES)


@pytest.fixture
def parts(tiny_llava, tasks):
    return [trained_adapter(tiny_llava, task) for task in tasks]


def right(tiny_llava, adapter: Adapter | None, tasks) -> list[int]:
    """How many questions of each task are answered rightly with an adapter."""
    adapters = Adapters(tiny_llava.model)
    if adapter is not None:
        adapters.load("a", adapter)
    with adapters.active(None if adapter is None else "a"):
        found = [num_right(tiny_llava, task) for task in tasks]
    adapters.clear()
    return found


def test_each_part_can_do_its_own_task_and_no_other(tiny_llava, tasks, parts):
    assert right(tiny_llava, None, tasks) == [0, 0]
    assert [right(tiny_llava, part, tasks) for part in parts] == [[3, 0], [0, 3]]


@pytest.mark.parametrize("method", ["cat", "svd", "linear"])
def test_together_they_can_do_both(method, tiny_llava, tasks, parts):
    both = compose(tiny_llava, parts, [1, 1], method=method)
    assert right(tiny_llava, Adapter.from_bytes(both.to_bytes()), tasks) == [3, 3]


@pytest.mark.parametrize("method", COMPOSITION_METHODS)
def test_every_method_keeps_some_of_both(method, tiny_llava, tasks, parts):
    both = compose(tiny_llava, parts, [1, 1], method=method)
    assert min(right(tiny_llava, both, tasks)) >= 1


def test_weights_count(tiny_llava, tasks, parts):
    assert right(tiny_llava, compose(tiny_llava, parts, [1, 0]), tasks) == [3, 0]
    assert right(tiny_llava, compose(tiny_llava, parts, [0, 1]), tasks) == [0, 3]
    assert right(tiny_llava, compose(tiny_llava, parts, [0, 0]), tasks) == [0, 0]


def test_cat_is_the_sum_of_what_the_parts_change(tiny_llava, parts):
    """By the matrices themselves: half of one and twice the other, whatever the ranks."""
    both = compose(tiny_llava, parts, [0.5, 2])
    assert (both.rank, both.alpha) == (16, 16)
    for name in [one for one in both.tensors if "lora_A" in one]:
        first, second, together = (change(one, name) for one in (*parts, both))
        torch.testing.assert_close(together, 0.5 * first + 2 * second)


def change(adapter: Adapter, name: str) -> torch.Tensor:
    of_b = adapter.tensors[name.replace("lora_A", "lora_B")]
    return adapter.alpha / adapter.rank * of_b @ adapter.tensors[name]


def test_what_drops_values_by_chance_drops_the_same_again(tiny_llava, parts):
    first, second = (
        compose(tiny_llava, parts, [1, 1], method="dare_linear", density=0.5) for _ in range(2)
    )
    assert first.to_bytes() == second.to_bytes()


def test_parts_that_can_not_go_together_are_refused(tiny_llava):
    four, two = random_adapter(tiny_llava), random_adapter(tiny_llava, r=2)
    with pytest.raises(AdapterError, match="composed by linear"):
        compose(tiny_llava, [four, two], [1, 1], method="linear")
    with pytest.raises(AdapterError, match="1 adapters"):
        compose(tiny_llava, [four], [1])
    with pytest.raises(AdapterError, match="other@1"):
        compose(tiny_llava, [four, replace(two, base="other@1")], [1, 1])
