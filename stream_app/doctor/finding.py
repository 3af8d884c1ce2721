"""What a check says: a verdict, and a line with the next step in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Finding", "Verdict", "named", "ok", "warning", "wrong"]

MAX_NAMED = 6


class Verdict(StrEnum):
    """How bad it is: `warning` may be meant so, `wrong` loses data or answers nobody."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One check's line. `details` are for programs: plain JSON, never a secret."""

    check: str
    verdict: Verdict
    message: str
    details: Mapping[str, object] = field(default_factory=dict)


def ok(check: str, message: str, **details: object) -> Finding:
    """Return that nothing is to be done."""
    return Finding(check, Verdict.OK, message, details)


def warning(check: str, message: str, **details: object) -> Finding:
    """Return what should be looked at."""
    return Finding(check, Verdict.WARNING, message, details)


def wrong(check: str, message: str, **details: object) -> Finding:
    """Return what has to be mended."""
    return Finding(check, Verdict.WRONG, message, details)


def named(names: Mapping[str, object] | list[str]) -> str:
    """Return the first few as "a, b (1), and 3 more"; what a name maps to stands behind it."""
    shown = (
        [f"{name} ({value})" for name, value in names.items()]
        if isinstance(names, Mapping)
        else list(names)
    )
    more = f", and {len(shown) - MAX_NAMED} more" if len(shown) > MAX_NAMED else ""
    return ", ".join(shown[:MAX_NAMED]) + more
