"""docs/security.md against the code; that its rights suffice is tested on a broker."""

import re

from schemas.topics import TOPICS
from stream_app.config import PREFIX, Settings
from tests.security.acls import PAGE, READ, TOPIC, WRITE, documented

SETTINGS = {
    str(field.validation_alias or PREFIX + name.upper())
    for name, field in Settings.model_fields.items()
}
TEXT = PAGE.read_text()


def users(operation: int, topic: str) -> set[str]:
    wanted = (operation, TOPIC, topic)
    return {one.user for one in documented() if (one.operation, one.resource, one.name) == wanted}


def test_every_variable_of_the_page_is_a_setting() -> None:
    named = set(re.findall(r"\b(?:KAFKA|S3|STREAM_APP)_[A-Z0-9_]*[A-Z0-9]", TEXT))
    assert len(named) > 10
    assert named <= SETTINGS


def test_every_topic_has_its_readers_and_writers() -> None:
    for topic in TOPICS:
        assert users(WRITE, topic.name), topic.name
        # Outcomes are for whoever wants more than our counts of them.
        assert users(READ, topic.name) or topic == TOPICS.list_outcomes, topic.name
    known = {topic.name for topic in TOPICS}
    assert {one.name for one in documented() if one.resource == TOPIC} - {""} <= known


def test_what_users_did_is_written_by_their_application_alone() -> None:
    # And is sent again by whoever looks after the dead letters.
    assert users(WRITE, TOPICS.interactions.name) == {"send", "dead-letters-redrive"}
    assert users(WRITE, TOPICS.user_preferences.name) == {"worker"}
