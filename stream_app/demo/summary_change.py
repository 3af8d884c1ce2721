"""What changed from one summary to the next, word by word."""

from rich.text import Text

from stream_app.summary_change import changes

__all__ = ["marked_change"]

STYLES = {"kept": "", "dropped": "red strike", "added": "bold green"}


def marked_change(before: str, after: str) -> Text | None:
    """Return the new summary with added words marked and dropped ones struck, None if equal."""
    if before == after:
        return None
    text = Text()
    for how, words in changes(before, after):
        text.append(words, style=STYLES[how]).append(" ")
    return text
