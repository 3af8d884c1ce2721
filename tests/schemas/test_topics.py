from schemas.topics import TOPICS


def test_names_are_distinct_and_keep_the_order_of_the_flow() -> None:
    names = [topic.name for topic in TOPICS]
    assert len(set(names)) == len(names) == 16
    assert names.index("interactions") < names.index("rankings") < names.index("recommendations")


def test_a_prefix_goes_before_every_name_and_changes_nothing_else() -> None:
    for plain, prefixed in zip(TOPICS, TOPICS.with_prefix("t."), strict=True):
        assert prefixed.name == f"t.{plain.name}"
        assert (prefixed.key, prefixed.value, prefixed.cleanup) == (
            plain.key,
            plain.value,
            plain.cleanup,
        )


def test_what_is_read_by_key_is_compacted() -> None:
    compacted = {topic.name for topic in TOPICS if topic.cleanup == "compact"}
    assert compacted == {
        "items",
        "item-profiles",
        "user-preferences",
        "adapters",
        "fusion-weights",
        "signal-users",
        "item-signals",
        "list-users",
        "list-quality",
    }
