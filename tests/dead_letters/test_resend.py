import pytest

from records import enriched, item
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.interaction import Interaction
from schemas.topics import TOPICS
from stream_app.dead_letters.errors import NotRedrivableError
from stream_app.dead_letters.resend import resend
from tests.dead_letters.written import about, record

TRACE = ("trace", b"t1")
EVENT = enriched(1, item(1), user="ada", offset=41, partition=2)


def written(letter: DeadLetter, key: bytes | None, value: bytes | None):
    """A letter's record, as a stage writes it."""
    return record("0:0", letter.headers([TRACE]), key=key, value=value)


@pytest.mark.parametrize("topic", ["interactions", "items", "item-images", "rankings"])
@pytest.mark.parametrize(
    ("key", "value"), [(b"ada", b"{not json"), (b"\xff", None), (None, b"\xff\xfe")]
)
def test_a_record_goes_back_to_its_topic_as_it_came(topic, key, value) -> None:
    letter = about(topic=topic)
    again = resend(letter, written(letter, key, value), TOPICS)
    assert (again.topic, again.key, again.value, again.headers) == (topic, key, value, [TRACE])


def test_under_a_prefix_it_goes_back_under_the_prefix() -> None:
    letter = about(topic="eu.items")
    assert resend(letter, written(letter, b"i1", b"{}"), TOPICS.with_prefix("eu.")).topic == (
        "eu.items"
    )


def test_an_event_that_the_worker_refused_goes_back_as_the_plain_interaction() -> None:
    letter = about(topic="interactions-enriched", stage="worker", error="UnreadableState")
    again = resend(letter, written(letter, b"ada", encode(EVENT)), TOPICS)
    assert (again.topic, again.key, again.headers) == ("interactions", b"ada", [TRACE])
    assert decode(Interaction, again.value or b"") == EVENT.interaction


@pytest.mark.parametrize(
    ("letter", "key", "value", "reason"),
    [
        (about(cut_bytes=3_000_000), b"ada", b"", "its value of 3000000 bytes found no room"),
        (about(cut_bytes=0), b"ada", b"", "of 0 bytes found no room"),
        (about(), b"ada", b"", "it is empty"),
        (about(), None, None, "it is empty"),
        (about(topic="user-preferences"), b"ada", b"{}", "no process .* reads user-preferences"),
        (about(topic="recommendations"), b"ada", b"{}", "no process .* reads recommendations"),
        (about(topic="interactions-enriched"), b"ada", b"{not json", "no interaction in it"),
        (about(topic="interactions-enriched"), b"ada", None, "no interaction in it"),
        (about(topic="interactions-enriched"), b"bob", encode(EVENT), "its key is not the user_id"),
        (about(topic="interactions-enriched"), None, encode(EVENT), "its key is not the user_id"),
    ],
)
def test_what_can_not_be_processed_again_says_why_and_what_to_do(
    letter, key, value, reason
) -> None:
    with pytest.raises(NotRedrivableError, match=reason) as refused:
        resend(letter, written(letter, key, value), TOPICS)
    assert "discard" in str(refused.value)


def test_two_letters_of_one_record_have_the_same_digest_and_others_have_not() -> None:
    def digest(key: bytes = b"ada", value: bytes | None = b"{}", **fields: object) -> bytes:
        letter = about(**fields)
        return resend(letter, written(letter, key, value), TOPICS).digest()

    assert digest() == digest(error="KeyMismatch", message="other words")
    others = [digest(), digest(offset=8), digest(partition=2), digest(b"bob"), digest(value=b"[]")]
    assert len(set(others)) == len(others)


def test_an_event_that_ingest_passed_on_twice_is_one_record() -> None:
    letter = about(topic="interactions-enriched", offset=5)
    twin = about(topic="interactions-enriched", offset=6)
    other = EVENT.model_copy(update={"degraded": "no picture"})
    assert (
        resend(letter, written(letter, b"ada", encode(EVENT)), TOPICS).digest()
        == resend(twin, written(twin, b"ada", encode(other)), TOPICS).digest()
    )
