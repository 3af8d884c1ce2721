"""A log and a catalogue in which everyone likes hoodies, and engines that count what they read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mllm.tiny_models import llava_llama, processor, tokenizer
from PIL import Image

from models.engine import ItemContent, ItemReading, SummaryRequest
from models.mllm.engine import MllmEngine
from models.mllm.load import LoadedModel
from rows import write_rows
from stream_app.finetune.job import Job, TrainingSettings

NUM_HOODIES, NUM_DRESSES = 12, 40
FIRST = 1_700_000_000


def catalogue() -> list[dict[str, object]]:
    hoodies = [{"item_id": f"h{n}", "title": f"blue hoodie {n}"} for n in range(NUM_HOODIES)]
    dresses = [{"item_id": f"d{n}", "title": f"red dress {n}"} for n in range(NUM_DRESSES)]
    return [{**one, "added_at": "2020-01-01T00:00:00Z"} for one in (*hoodies, *dresses)]


def log(num_users: int = 12, num_events: int = 8) -> list[dict[str, object]]:
    rng = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for user in range(num_users):
        for number, item in enumerate(rng.permutation(NUM_HOODIES)[:num_events]):
            at = FIRST + 1000 * number + user
            rows.append({"user_id": f"u{user}", "item_id": f"h{item}", "kind": "like"})
            rows[-1]["timestamp"] = at
    return rows


def job(folder: Path, **settings: object) -> Job:
    """A job on the small shop, written to a folder; the first hoodie has a picture."""
    items = catalogue()
    items[0]["image"] = "0.png"
    Image.new("RGB", (40, 40), "blue").save(folder / "0.png")
    write_rows(folder / "items.jsonl", items)
    write_rows(folder / "events.jsonl", log())
    chosen: dict[str, object] = {"negatives": "uniform", "validation_share": 0.3}
    chosen |= {"learning_rate": 1e-2, "epochs": 12} | settings
    return Job(
        events=folder / "events.jsonl",
        items=folder / "items.jsonl",
        pictures=folder,
        out=folder / "adapter",
        bucket="media",
        settings=TrainingSettings(**chosen),  # type: ignore[arg-type]
    )


def tiny_model() -> LoadedModel:
    """A model of two layers; built anew because training changes it."""
    words = tokenizer()
    return LoadedModel(
        llava_llama(words), processor(words), "tiny@0", projector_trained=True, folder=None
    )


class CountingEngine(MllmEngine):
    """Counts what it was asked to read and to sum up."""

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__(loaded)
        self.num_profiles = 0
        self.num_summaries = 0

    def profile(self, items: Sequence[ItemContent]) -> list[ItemReading]:
        self.num_profiles += len(items)
        return super().profile(items)

    def summarise(self, requests: Sequence[SummaryRequest]) -> list[str]:
        self.num_summaries += len(requests)
        return super().summarise(requests)
