"""Endless lessons, cut into batches of one kind each, in the order in which they are learned."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice, tee

import numpy as np
import torch

from models.mllm.prompts import SUMMARY_OPENING, Plain, reading_prompt, summary_prompt
from models.mllm.training.rows import RowBuilder, TrainingRow
from stream_app.default_model.lessons import Lesson, RankingLesson, SummaryLesson
from stream_app.default_model.picture_answers import drawn_answer, photo_answer
from stream_app.default_model.shoppers import shopper_lessons
from stream_app.default_model.word_shoppers import word_lessons
from stream_app.demo.garments import Garment

__all__ = [
    "BATCHES_PER_STEP",
    "MIX",
    "NUM_STEPS",
    "Mix",
    "Pictures",
    "training_batches",
    "validation_batches",
]


@dataclass(frozen=True)
class Mix:
    """Rows of a step by kind."""

    drawn: int
    photos: int
    rankings: int
    summaries: int


# 3,000 tokens, 16 s on two cores.
MIX = Mix(drawn=6, photos=4, rankings=7, summaries=2)
NUM_STEPS = 280
BATCHES_PER_STEP = 4
VALIDATION_ROWS = 2
# Of five people, two are in a shop of words.
IS_IN_WORDS = (True, True, False, False, False)
NUM_VALIDATION_BATCHES = 10


@dataclass(frozen=True)
class Pictures:
    """Drawn garments and photos with their features, shape `(len, tokens, vision size)` each."""

    garments: Sequence[Garment]
    of_garments: torch.Tensor
    labels: Sequence[str]
    of_photos: torch.Tensor


def training_batches(
    rows: RowBuilder, plain: Plain, pictures: Pictures, *, mix: Mix, num_steps: int, seed: int
) -> list[list[TrainingRow]]:
    """Return the batches of all steps, `BATCHES_PER_STEP` for each: one of each kind."""
    drawn, photos = _drawn(rows, plain, pictures, seed), _photos(rows, plain, pictures, seed)
    taught, also_taught = tee(_lessons("train", pictures.garments, seed))
    rankings = (_row(rows, plain, one) for one in taught if isinstance(one, RankingLesson))
    summaries = (_row(rows, plain, one) for one in also_taught if isinstance(one, SummaryLesson))
    return [
        list(islice(source, num_rows))
        for _ in range(num_steps)
        for source, num_rows in (
            (drawn, mix.drawn),
            (photos, mix.photos),
            (rankings, mix.rankings),
            (summaries, mix.summaries),
        )
    ]


def validation_batches(
    rows: RowBuilder, plain: Plain, garments: Sequence[Garment], *, seed: int
) -> list[list[TrainingRow]]:
    """Return rankings of shoppers that nothing is learned from."""
    lessons = (
        lesson
        for number in count()
        for lesson in shopper_lessons(garments, f"valid{number}", seed=seed)
        if isinstance(lesson, RankingLesson)
    )
    rankings = (_row(rows, plain, one) for one in lessons)
    return [list(islice(rankings, VALIDATION_ROWS)) for _ in range(NUM_VALIDATION_BATCHES)]


def _lessons(name: str, garments: Sequence[Garment], seed: int) -> Iterator[Lesson]:
    for number in count():
        yield from shopper_lessons(garments, f"{name}{number}", seed=seed)
        if IS_IN_WORDS[number % len(IS_IN_WORDS)]:
            yield from word_lessons(f"{name}{number}", seed=seed)


def _row(rows: RowBuilder, plain: Plain, lesson: Lesson) -> TrainingRow:
    if isinstance(lesson, RankingLesson):
        return rows.ranked(lesson.request, lesson.targets)
    return rows.written(
        summary_prompt(lesson.request, plain), lesson.answer, opening=SUMMARY_OPENING
    )


def _drawn(rows: RowBuilder, plain: Plain, pictures: Pictures, seed: int) -> Iterator[TrainingRow]:
    rng = np.random.default_rng([seed, 1])
    for index in _shuffled_for_ever(len(pictures.garments), rng):
        words, answer = drawn_answer(pictures.garments[index], rng)
        yield rows.written(
            reading_prompt(words, plain), answer, picture=pictures.of_garments[index]
        )


def _photos(rows: RowBuilder, plain: Plain, pictures: Pictures, seed: int) -> Iterator[TrainingRow]:
    rng = np.random.default_rng([seed, 2])
    for index in _shuffled_for_ever(len(pictures.labels), rng):
        words, answer = photo_answer(pictures.labels[index], rng)
        yield rows.written(
            reading_prompt(words, plain), answer, ends=False, picture=pictures.of_photos[index]
        )


def _shuffled_for_ever(size: int, rng: np.random.Generator) -> Iterator[int]:
    while True:
        yield from map(int, rng.permutation(size))
