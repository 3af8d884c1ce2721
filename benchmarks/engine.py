"""The engine's speed, as ratios between two ways to do the same on one machine.

`python -m benchmarks.engine [--quick] [--device cuda] [--json FILE]`. The two ways of a comparison
take turns, so that a machine that slows down slows both. Int8 was measured and dropped
(docs/LOG.md), so it is not here.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median, quantiles

import torch
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from transformers import DynamicCache, PreTrainedModel

from benchmarks.made_models import SHAPES, random_llava
from benchmarks.made_users import made_catalogue, made_inputs
from models.engine import Engine, SummaryRequest
from models.mllm import packed_attention
from models.mllm.engine import MllmEngine
from models.mllm.load import LoadedModel, load
from models.mllm.rows import Row
from models.mllm.warm_up import LINE, SUMMARY, TASTE
from models.step import StepInput, StepOptions, step
from stream_app.config import read_settings
from stream_app.engine import default_model_folder

NUM_ITEMS = 500
NUM_CANDIDATES = 20
# What a GPU is compared with: published figures are for 16.
NUM_CANDIDATES_GPU = 16
PREFIX_TOKENS = 300
CANDIDATE_TOKENS = 12
# As the default model's prompts and summaries are.
SUMMARY_PROMPT, SUMMARY_TOKENS = 181, 21
SEED = 0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Figure:
    """A ratio, and what it was computed from: medians and spreads (quartiles over the median).

    `reach` is the ratio that could be had at best, and `share` how much of it was; None where
    there is no such bound.
    """

    name: str
    ratio: float
    reach: float | None
    slow_s: float
    slow_spread: float
    fast_s: float
    fast_spread: float
    fast_p95_s: float

    @property
    def share(self) -> float | None:
        """The part of `reach` that was reached."""
        return None if self.reach is None else self.ratio / self.reach


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    rounds: int
    users: int
    candidates: int = NUM_CANDIDATES
    prefix: int = PREFIX_TOKENS


def compare(
    name: str,
    slow: Callable[[], object],
    fast: Callable[[], object],
    rounds: int,
    *,
    reach: float | None = None,
) -> Figure:
    """Measure two ways in turns, after one untimed turn of each."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for call, taken in zip((slow, fast), times, strict=True):
            elapsed_s = timed(call)
            if turn:
                taken.append(elapsed_s)
    slow_times, fast_times = map(sorted, times)
    return Figure(
        name,
        ratio=median(slow_times) / median(fast_times),
        reach=reach,
        slow_s=median(slow_times),
        slow_spread=spread(slow_times),
        fast_s=median(fast_times),
        fast_spread=spread(fast_times),
        fast_p95_s=fast_times[int(0.95 * rounds)],
    )


def timed(call: Callable[[], object]) -> float:
    """Return the seconds of a call, the accelerator's work included."""
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    wait()
    started = time.perf_counter()
    call()
    wait()
    return time.perf_counter() - started


def spread(times_s: Sequence[float]) -> float:
    """Return the distance of the quartiles as a share of the median."""
    low, middle, high = quantiles(times_s, n=4)
    return (high - low) / middle


def made_row(size: Size, vocabulary: int) -> Row:
    """Return a user's prefix and candidates as random tokens."""
    generator = torch.Generator().manual_seed(SEED)
    num_tokens = size.prefix + size.candidates * CANDIDATE_TOKENS
    # The upper tokens of a vocabulary have meanings, such as "a picture goes here".
    tokens = torch.randint(vocabulary // 2, (num_tokens,), generator=generator).tolist()
    ends = [
        tokens[first : first + CANDIDATE_TOKENS]
        for first in range(size.prefix, num_tokens, CANDIDATE_TOKENS)
    ]
    return Row(tokens[: size.prefix], ends)


@torch.inference_mode()
def packed(model: PreTrainedModel, rows: Sequence[Row]) -> None:
    """Compute what packed scoring computes."""
    hidden = packed_attention.last_hidden(model.get_decoder(), rows)
    (hidden @ model.get_output_embeddings().weight[:2].T).cpu()


@torch.inference_mode()
def per_pair(model: PreTrainedModel, row: Row, pixels: torch.Tensor | None = None) -> None:
    """Ask one prompt for each candidate, with its picture if there is one.

    One after the other on a CPU, where that is fastest, and all at once elsewhere.
    """
    picture = [] if pixels is None else [model.config.image_token_id] * picture_tokens(model)
    pairs = torch.tensor([row.prefix + picture + end for end in row.ends], device=model.device)
    for some in pairs.split(1 if model.device.type == "cpu" else len(pairs)):
        of_some = {} if pixels is None else {"pixel_values": pixels.expand(len(some), -1, -1, -1)}
        model(input_ids=some, logits_to_keep=1, use_cache=False, **of_some).logits.cpu()


def picture_tokens(model: PreTrainedModel) -> int:
    """Return how many tokens a picture takes in a prompt."""
    return model.config.image_seq_length


def measure_scoring(model: PreTrainedModel, name: str, size: Size, say: Say) -> list[Figure]:
    """Compare packed scoring with one prompt for each pair, with and without pictures."""
    row = made_row(size, model.config.get_text_config().vocab_size)
    side = model.config.vision_config.image_size
    pixels = torch.zeros(1, 3, side, side, device=model.device, dtype=model.dtype)
    all_pairs = len(row.ends) * row.longest
    with_pictures = all_pairs + len(row.ends) * picture_tokens(model)
    fast = partial(packed, model, [row])
    figures = []
    for words, given, num_tokens in (
        ("text", None, all_pairs),
        ("a picture each", pixels, with_pictures),
    ):
        say(f"{name}: packed against one prompt per pair, {words}")
        figures.append(
            compare(
                f"{name}: {size.candidates} packed / one prompt per pair, {words}",
                partial(per_pair, model, row, given),
                fast,
                size.rounds,
                reach=num_tokens / row.num_tokens,
            )
        )
    say(f"{name}: packed against plain matrix products")
    return [*figures, measure_against_products(model, name, row, size)]


def measure_against_products(model: PreTrainedModel, name: str, row: Row, size: Size) -> Figure:
    """Compare the packed forward with plain matrix products of as many operations."""
    config = model.config.get_text_config()
    left = torch.randn(row.num_tokens, config.hidden_size, device=model.device, dtype=model.dtype)
    right = torch.randn(
        config.hidden_size, config.intermediate_size, device=model.device, dtype=model.dtype
    )
    times = round(packed_flops(model, row) / (2 * left.numel() * right.shape[1]))

    @torch.inference_mode()
    def products() -> None:
        for _ in range(times):
            torch.matmul(left, right)

    return compare(
        f"{name}: matrix products of as many operations / packed forward",
        products,
        partial(packed, model, [row]),
        size.rounds,
        reach=1.0,
    )


def packed_flops(model: PreTrainedModel, row: Row) -> float:
    """Return 2 operations for each weight and token, and the attention's that are looked at."""
    config = model.config.get_text_config()
    decoder = model.get_decoder()
    embeddings = decoder.get_input_embeddings().weight.numel()
    weights = sum(one.numel() for one in decoder.parameters()) - embeddings
    looks = len(row.prefix) ** 2 / 2 + sum(
        len(end) * (len(row.prefix) + len(end) / 2) for end in row.ends
    )
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    attention = 4 * config.num_hidden_layers * config.num_attention_heads * head_dim * looks
    return 2 * weights * row.num_tokens + attention


def measure_users(engine: Engine, size: Size, say: Say) -> list[Figure]:
    """Compare many users at once with one after the other: the whole step, and summaries."""
    catalogue = made_catalogue(engine, NUM_ITEMS)
    inputs = made_inputs(engine, catalogue, size.users)
    requests = [
        SummaryRequest(SUMMARY, (f"{LINE} {user}",) * 3, TASTE) for user in range(size.users)
    ]

    def stepped(some: Sequence[StepInput]) -> None:
        step(engine, catalogue, some, StepOptions(size.candidates))

    say(f"{size.users} users at once against one by one: the whole step")
    whole = compare(
        f"step of {size.users} users: one by one / at once",
        lambda: [stepped([one]) for one in inputs],
        lambda: stepped(inputs),
        size.rounds,
    )
    say(f"{size.users} users at once against one by one: summaries")
    summaries = compare(
        f"summaries of {size.users} users: one by one / at once",
        lambda: [engine.summarise([one]) for one in requests],
        lambda: engine.summarise(requests),
        size.rounds,
    )
    return [whole, summaries]


class Writing:
    """Answers to prompts that have been read, shape `(users, prompt)`, to be written on with."""

    def __init__(self, model: PreTrainedModel, users: int) -> None:
        self._model = model
        self._prompts = torch.ones(users, SUMMARY_PROMPT, dtype=torch.long, device=model.device)
        self._cache = DynamicCache(config=model.config.get_text_config())
        with torch.inference_mode():
            model(input_ids=self._prompts, past_key_values=self._cache, logits_to_keep=1)

    @torch.inference_mode()
    def write(self) -> None:
        """Write `SUMMARY_TOKENS` tokens to each prompt, and forget them."""
        token = self._prompts[:, :1]
        for _ in range(SUMMARY_TOKENS):
            logits = self._model(
                input_ids=token, past_key_values=self._cache, logits_to_keep=1
            ).logits
            token = logits[:, -1].argmax(-1, keepdim=True)
        self._cache.crop(SUMMARY_PROMPT)


def measure_decoding(model: PreTrainedModel, users: int, say: Say, rounds: int) -> Figure:
    """Compare summaries that are written at once with one by one, their prompts read before."""
    say(f"{users} users at once against one by one: the tokens of summaries")
    one, all_users = Writing(model, 1), Writing(model, users)
    return compare(
        f"decoding {users} summaries, prompts read: one by one / at once",
        lambda: [one.write() for _ in range(users)],
        all_users.write,
        rounds,
        reach=users,
    )


def measure_precisions(loaded: LoadedModel, folder: Path, size: Size, say: Say) -> Figure:
    """Compare the packed forward in float32 with bfloat16."""
    say("packed in float32 against bfloat16")
    is_float32 = loaded.model.dtype == torch.float32
    other = load(
        folder, device=str(loaded.device), dtype="bfloat16" if is_float32 else "float32"
    ).model
    models = (loaded.model, other) if is_float32 else (other, loaded.model)
    row = made_row(size, other.config.get_text_config().vocab_size)
    slow, fast = (partial(packed, model, [row]) for model in models)
    return compare("packed: float32 / bfloat16", slow, fast, size.rounds)


def measure(options: argparse.Namespace, say: Say) -> list[Figure]:
    """Measure all that the options ask for."""
    size = (
        Size(rounds=2, users=2, candidates=2, prefix=30)
        if options.quick
        else Size(options.rounds, options.users)
    )
    device = torch.device(options.device)
    figures = []
    if options.model:
        say(f"loading {options.model}")
        loaded = load(options.model, device=options.device)
        figures += measure_scoring(loaded.model, "default model", size, say)
        figures += measure_users(MllmEngine(loaded), size, say)
        figures.append(measure_decoding(loaded.model, size.users, say, size.rounds))
        figures.append(measure_precisions(loaded, options.model, size, say))
    if options.shape:
        say(f"making a LLaVA of shape {options.shape}")
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        model = random_llava(options.shape, device, dtype)
        few = min(size.candidates, NUM_CANDIDATES_GPU)
        of_shape = replace(size, candidates=few)
        figures += measure_scoring(model, f"LLaVA {options.shape}", of_shape, say)
    return figures


def table(figures: Sequence[Figure], machine: str) -> Table:
    """Return the figures for people."""
    shown = Table(caption=machine)
    shown.add_column("slow / fast", overflow="fold")
    for heading in ("ratio", "at best", "share", "slow s", "±", "fast s", "±", "p95 s"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for one in figures:
        shown.add_row(
            one.name,
            f"{one.ratio:.2f}",
            "" if one.reach is None else f"{one.reach:.2f}",
            "" if one.share is None else f"{one.share:.2f}",
            f"{one.slow_s:.3f}",
            f"{one.slow_spread:.0%}",
            f"{one.fast_s:.3f}",
            f"{one.fast_spread:.0%}",
            f"{one.fast_p95_s:.3f}",
        )
    return shown


def machine_of(device: str) -> str:
    """Return what was measured on."""
    chip = torch.cuda.get_device_name() if device == "cuda" else platform.machine()
    return f"{chip}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=("cpu", "cuda"), default=device)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each comparison, 2 or more")
    parser.add_argument("--users", type=int, default=32, help="users at once")
    parser.add_argument("--quick", action="store_true", help="small: only to see that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument(
        "--model", type=Path, default=default_model_folder(read_settings().home), help="its folder"
    )
    parser.add_argument("--no-model", dest="model", action="store_const", const=None)
    parser.add_argument("--shape", choices=SHAPES, help="a LLaVA with random weights; cuda: 8b")
    options = parser.parse_args(arguments)
    if options.shape is None and options.device == "cuda":
        options.shape = "8b"
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write."""
    options = parsed(arguments)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        line = progress.add_task("")
        figures = measure(options, lambda words: progress.update(line, description=words))
    machine = machine_of(options.device)
    Console(width=120).print(table(figures, machine))
    if options.json:
        found = [asdict(one) | {"share": one.share} for one in figures]
        options.json.write_text(json.dumps({"machine": machine, "figures": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
