from stream_app.demo.summary_change import marked_change


def test_equal_summaries_have_no_change() -> None:
    assert marked_change("likes blue", "likes blue") is None


def test_added_and_dropped_words_are_marked() -> None:
    change = marked_change("likes blue hats", "likes red hats")
    assert change is not None
    marked = {change.plain[span.start : span.end]: str(span.style) for span in change.spans}
    assert marked == {"blue": "red strike", "red": "bold green"}
