"""Fuzzed records: valid ones with something changed, JSON of any shape, and random bytes."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import hypothesis
import numpy as np
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.record import Record

__all__ = ["Keyed", "fuzzed"]

Keyed = tuple[bytes | None, bytes | None]
Mutation = Callable[[bytes, np.random.Generator], bytes]

NUM_SHAPES = 300
MAX_RANDOM_BYTES = 400
LONG = 50_000
DEEP = 500
ODD_VALUES: Sequence[Any] = (
    None, True, -1, 0, 2**63, -(2**70), 1e308, float("nan"), float("inf"), "", "\x00", "\ud800",
    "x" * LONG, [], {}, [[]], "2026-13-45T99:99:99Z", "-9999-01-01T00:00:00Z", "../../etc/passwd",
)  # fmt: skip


def fuzzed(valid: Sequence[tuple[bytes, Record]], num_records: int, seed: int) -> Iterator[Keyed]:
    """Yield keys and values: half mutated, a fifth JSON, a fifth random, a tenth valid.

    A thirtieth of the keys is missing or another's, a hundredth of the values null.
    """
    rng = np.random.default_rng(seed)
    shapes = _shapes()
    for _ in range(num_records):
        key, record = valid[int(rng.integers(len(valid)))]
        kind = rng.random()
        if kind < 0.5:
            value = MUTATIONS[int(rng.integers(len(MUTATIONS)))](encode(record), rng)
        elif kind < 0.7:
            value = shapes[int(rng.integers(len(shapes)))]
        elif kind < 0.9:
            value = rng.bytes(int(rng.integers(MAX_RANDOM_BYTES)))
        else:
            value = encode(record)
        sent_key = _key(key, rng)
        # The client writes no record without both.
        is_null = rng.random() < 0.01 and sent_key is not None
        yield sent_key, None if is_null else value


def _key(key: bytes, rng: np.random.Generator) -> bytes | None:
    chance = rng.random()
    if chance < 0.01:
        return None
    return rng.bytes(int(rng.integers(1, 40))) if chance < 0.03 else key


def _flipped(raw: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(raw)
    for place in rng.integers(len(changed), size=int(rng.integers(1, 5))):
        changed[place] = int(rng.integers(256))
    return bytes(changed)


def _cut(raw: bytes, rng: np.random.Generator) -> bytes:
    return raw[: int(rng.integers(len(raw)))]


def _repeated(raw: bytes, rng: np.random.Generator) -> bytes:
    first, last = sorted(int(place) for place in rng.integers(len(raw), size=2))
    return raw[:last] + raw[first:]


def _odd(raw: bytes, rng: np.random.Generator) -> bytes:
    fields = json.loads(raw)
    fields[str(rng.choice(list(fields)))] = ODD_VALUES[int(rng.integers(len(ODD_VALUES)))]
    return json.dumps(fields).encode()


def _without(raw: bytes, rng: np.random.Generator) -> bytes:
    fields = json.loads(raw)
    del fields[str(rng.choice(list(fields)))]
    return json.dumps(fields).encode()


def _deep(raw: bytes, rng: np.random.Generator) -> bytes:
    fields = json.loads(raw)
    fields.pop(str(rng.choice(list(fields))))
    return json.dumps(fields).encode()[:-1] + b',"deep":' + b"[" * DEEP + b"]" * DEEP + b"}"


MUTATIONS: Sequence[Mutation] = (_flipped, _cut, _repeated, _odd, _without, _deep)


def _shapes() -> list[bytes]:
    """Return JSON documents that hypothesis thinks of, the same in every run."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
    anything = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    )
    shapes: list[bytes] = []

    @hypothesis.settings(max_examples=NUM_SHAPES, derandomize=True, database=None)
    @hypothesis.given(anything)
    def collect(document: object) -> None:
        shapes.append(json.dumps(document).encode())

    collect()
    return shapes
