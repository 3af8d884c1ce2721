"""What the default model is taught: lessons that are true, and the same in every run."""

import numpy as np
import pytest
from mllm.tiny_models import tiny_model

from benchmarks.default_model.hostile import ATTACKS
from models.engine import ItemContent
from models.mllm.chat import special_tokens
from models.mllm.prompts import ATTRIBUTES, Plain
from models.mllm.training.rows import NO_TARGET, RowBuilder
from stream_app.default_model.curriculum import Mix, Pictures, training_batches, validation_batches
from stream_app.default_model.lessons import RankingLesson, SummaryLesson
from stream_app.default_model.orders import with_additions
from stream_app.default_model.picture_answers import drawn_answer
from stream_app.default_model.pictures import (
    LEARNED,
    UNSEEN,
    PhotosMissingError,
    drawn_garments,
    labelled_photos,
)
from stream_app.default_model.shoppers import (
    guessed_taste,
    profile_of,
    shopper_lessons,
)
from stream_app.default_model.word_shoppers import word_lessons
from stream_app.demo.garments import caption, draw_catalogue

GARMENTS = list(draw_catalogue(200, seed=3))
SHOPPERS = [f"s{number}" for number in range(30)]


def all_lessons(kind: type) -> list:
    found = []
    for user in SHOPPERS:
        found += [one for one in shopper_lessons(GARMENTS, user, seed=1) if isinstance(one, kind)]
        found += [one for one in word_lessons(user, seed=1) if isinstance(one, kind)]
    return found


def test_what_is_measured_on_was_never_learned() -> None:
    learned, unseen = drawn_garments()
    assert (len(learned), len(unseen)) == (LEARNED, UNSEEN)
    assert not {one.item_id for one in learned} & {one.item_id for one in unseen}


def test_lessons_are_the_same_in_every_run() -> None:
    assert all_lessons(RankingLesson) == all_lessons(RankingLesson)
    assert all_lessons(SummaryLesson) == all_lessons(SummaryLesson)


def test_every_candidate_has_its_target() -> None:
    for lesson in all_lessons(RankingLesson):
        assert len(lesson.targets) == len(lesson.request.candidates)
        assert all(0.0 <= target <= 1.0 for target in lesson.targets)
    targets = [one for lesson in all_lessons(RankingLesson) for one in lesson.targets]
    assert 0.2 < np.mean(targets) < 0.6


def test_a_summary_names_only_what_its_prompt_shows() -> None:
    lessons = all_lessons(SummaryLesson)
    assert lessons
    for lesson in lessons:
        request = lesson.request
        assert "Likes ." not in request.previous
        shown = {name.split("=", 1)[1].lower() for name in request.taste.likes}
        named = lesson.answer.strip(".").replace(" and ", ", ").split(", ")
        assert {name.lower() for name in named} <= shown, lesson


def test_additions_change_some_titles_and_nothing_else() -> None:
    profiles = [profile_of(one) for one in GARMENTS]
    sold = with_additions(profiles, np.random.default_rng(0))
    changed = [new for new, old in zip(sold, profiles, strict=True) if new != old]
    assert 0.15 < len(changed) / len(profiles) < 0.35
    for new, old in zip(sold, profiles, strict=True):
        assert old.title in new.title
        assert new.model_copy(update={"title": old.title}) == old


def test_no_measured_attack_is_learned() -> None:
    rng = np.random.default_rng(0)
    titles = {
        one.title for _ in range(50) for one in with_additions([*map(profile_of, GARMENTS)], rng)
    }
    assert not [attack for attack in ATTACKS if any(attack in title for title in titles)]


def test_what_was_guessed_so_far_is_the_strongest_likes() -> None:
    likes = ["colour=red", "category=hat", "colour=blue", "style=casual", "colour=pink"]
    guesses = {guessed_taste(likes, np.random.default_rng(seed)) for seed in range(20)}
    assert guesses == {
        "red, hat, casual.",
        "red and blue, hat, casual.",
        "red, blue and pink, hat, casual.",
    }


def test_an_answer_to_a_drawing_is_what_it_shows() -> None:
    garment = GARMENTS[0]
    for seed in range(20):
        words, answer = drawn_answer(garment, np.random.default_rng(seed))
        assert isinstance(words, ItemContent)
        lines = [f"{name}: {getattr(garment, name)}" for name in ATTRIBUTES]
        assert answer.splitlines() == [*lines, caption(garment)]


def test_batches_hold_what_the_mix_says() -> None:
    tiny = tiny_model("llava")
    plain = Plain(special_tokens(tiny.tokenizer))
    rows = RowBuilder(tiny, plain)
    import torch

    pictures = Pictures(
        GARMENTS[:20], torch.zeros(20, 9, 8), ["dress", "pants"], torch.zeros(2, 9, 8)
    )
    mix = Mix(drawn=3, photos=2, rankings=1, summaries=2)
    batches = training_batches(rows, plain, pictures, mix=mix, num_steps=2, seed=1)
    assert [len(batch) for batch in batches] == [3, 2, 1, 2] * 2
    drawn, photos, rankings, summaries = batches[:4]
    assert all(row.picture is not None for row in (*drawn, *photos))
    assert not rankings[0].yes.isnan().all()
    assert all((row.words != NO_TARGET).any() for row in (*drawn, *photos, *summaries))
    # An answer to a photo stays open: only its kind is known.
    end = tiny.tokenizer.eos_token_id
    assert all(row.words[-2] == end for row in drawn)
    assert all((row.words != end).all() for row in photos)
    assert len(validation_batches(rows, plain, GARMENTS[:20], seed=2)) == 10


def test_missing_photos_say_what_to_fetch(tmp_path) -> None:
    with pytest.raises(PhotosMissingError, match="clothing-dataset-small"):
        labelled_photos(tmp_path)
