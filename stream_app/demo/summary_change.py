"""What changed from one summary to the next, word by word."""

from difflib import SequenceMatcher

from rich.text import Text

__all__ = ["marked_change"]


def marked_change(before: str, after: str) -> Text | None:
    """Return the new summary with added words marked and dropped ones struck, None if equal."""
    if before == after:
        return None
    old, new = before.split(), after.split()
    text = Text()
    for operation, old_from, old_to, new_from, new_to in SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if operation == "equal":
            text.append(" ".join(new[new_from:new_to]) + " ")
            continue
        if dropped := " ".join(old[old_from:old_to]):
            text.append(dropped, style="red strike").append(" ")
        if added := " ".join(new[new_from:new_to]):
            text.append(added, style="bold green").append(" ")
    return text
