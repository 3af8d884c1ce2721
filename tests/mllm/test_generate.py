from io import BytesIO

from PIL import Image

from models.mllm import generate as generating
from models.mllm.chat import render, tokenize
from models.mllm.generate import Question, generate


def asked(text: str, *, with_picture: bool = False) -> list:
    parts = [{"type": "image"}] if with_picture else []
    return [{"role": "user", "content": [*parts, {"type": "text", "text": text}]}]


TEXTS = ["hoodie", "would this person like the red dress or the film? " * 3, "No", "the blue film"]


def test_a_batch_answers_like_single_questions(tiny):
    questions = [Question(asked(text)) for text in TEXTS]
    together = generate(tiny, questions, max_new_tokens=8)
    alone = [generate(tiny, [question], max_new_tokens=8)[0] for question in questions]
    assert together == alone
    assert len({one.text for one in together}) > 1


def test_rows_with_and_without_pictures_keep_their_order(tiny_llava, red, blue):
    pictures = [None, Image.open(BytesIO(red)), None, Image.open(BytesIO(blue))]
    questions = [
        Question(asked(text, with_picture=picture is not None), picture)
        for text, picture in zip(TEXTS, pictures, strict=True)
    ]
    together = generate(tiny_llava, questions, max_new_tokens=8)
    alone = [generate(tiny_llava, [question], max_new_tokens=8)[0] for question in questions]
    assert together == alone


def test_answers_are_bounded_and_begin_as_asked(tiny_llava):
    [answer] = generate(tiny_llava, [Question(asked("hat"), opening="Likes")], max_new_tokens=1)
    tokenizer = tiny_llava.tokenizer
    one_token = {tokenizer.decode([token]).strip() for token in range(len(tokenizer))} | {""}
    assert answer.text.startswith("Likes")
    assert answer.text.removeprefix("Likes").strip() in one_token


def test_tokens_are_those_of_prompt_and_answer_without_padding(tiny):
    prompts = [render(tiny.processor, Question(asked(text)).messages) for text in TEXTS]
    lengths = [len(ids) for ids in tokenize(tiny.tokenizer, prompts)]
    written = generate(tiny, [Question(asked(text)) for text in TEXTS], max_new_tokens=8)
    for one, length in zip(written, lengths, strict=True):
        assert length <= one.num_tokens <= length + 8
    assert written[1].num_tokens > written[0].num_tokens + 8


def test_no_questions_no_answers(tiny_llava):
    assert generate(tiny_llava, [], max_new_tokens=5) == []


def test_a_picture_counts_with_all_its_tokens(tiny_llava, red, monkeypatch):
    lengths = []

    def seen(of_rows, batches=generating.batches):
        lengths.append(list(of_rows))
        return batches(of_rows)

    monkeypatch.setattr(generating, "batches", seen)
    picture = Image.open(BytesIO(red))
    question = Question(asked("hoodie", with_picture=True), picture)
    generate(tiny_llava, [question], max_new_tokens=8)
    text = render(tiny_llava.processor, question.messages)
    whole = tiny_llava.processor(text=[text], images=[[picture]], return_tensors="pt")
    assert lengths == [[whole["input_ids"].shape[1] + 8]]
