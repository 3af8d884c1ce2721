"""Which of what is released answers for a user, and what versions call it."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Literal

from schemas.release import Release

__all__ = ["Released", "assigned", "release_id", "user_point"]

# Each spreads the users in its own way, so that two experiments at a time tell nothing of each
# other. Renaming one would move every user.
Released = Literal["adapter", "fusion"]

# As many as a double keeps: with more, the largest hashes would round up to 1.
POINT_BITS = 53


def assigned(user_id: str, shares: Mapping[str, float], *, of: Released) -> str | None:
    """Return whose release answers for a user, None where there is none for them.

    The names in order stand side by side on `[0, 1)`, each as wide as its share; the user's point
    decides. So a user's answer depends on nothing but the shares, adding a name or widening one
    moves nobody who is before it in the order, and adding the last one moves users of no name only.

    Args:
        user_id: Whose event is answered.
        shares: By name the part of users, each in `[0, 1]`. What is past 1 in sum gets nobody.
        of: What the names are of.
    """
    point = user_point(user_id, of=of)
    end = 0.0
    for name in sorted(shares):
        end += shares[name]
        if point < end:
            return name
    return None


def user_point(user_id: str, *, of: Released) -> float:
    """Return the user's place in `[0, 1)`, evenly spread, the same in every process."""
    # A hash of its own: with that of Kafka's partitions, a share could be a partition.
    digest = blake2b(user_id.encode(), digest_size=8, person=of.encode()).digest()
    return (int.from_bytes(digest, "big") >> (64 - POINT_BITS)) / (1 << POINT_BITS)


def release_id(release: Release) -> str:
    """Return what versions call it: its name, and digits that change with what is released."""
    return f"{release.name}@{release.sha256[:8]}"
