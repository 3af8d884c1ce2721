"""Bytes <-> records. Reading never raises: bad bytes become a value that says why.

A codec that raises ends a faust agent, or silently stops it; a `Poison` goes to the dead letters.
"""

from dataclasses import dataclass
from typing import TypeVar

import orjson
from pydantic import ValidationError

from schemas.record import Record

__all__ = ["MAX_RECORD_BYTES", "Poison", "decode", "encode"]

R = TypeVar("R", bound=Record)

# Twice Kafka's default for a record: whatever a broker lets through by default is read.
MAX_RECORD_BYTES = 2 * 1024 * 1024
MAX_NAMED_ERRORS = 3


@dataclass(frozen=True)
class Poison:
    """Bytes that are not the record they should be.

    `error` is a stable class name: "TooLarge", "MalformedJson", "UnknownSchemaVersion" or
    "InvalidRecord". `reason` names fields and limits, never the refused values.
    """

    raw: bytes
    error: str
    reason: str


def encode(record: Record) -> bytes:
    """Return the record as JSON, UTF-8, fields in the order of the class."""
    return orjson.dumps(record.model_dump(mode="json"))


def decode(model: type[R], raw: bytes) -> R | Poison:
    """Return the record in `raw`, or a `Poison` that says why there is none. Never raises."""
    if len(raw) > MAX_RECORD_BYTES:
        reason = f"record is {len(raw)} bytes, limit {MAX_RECORD_BYTES}"
        return Poison(raw, "TooLarge", reason)
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        return _poison(model, raw, error)


def _poison(model: type[Record], raw: bytes, error: ValidationError) -> Poison:
    details = error.errors(include_url=False, include_input=False, include_context=False)
    if details[0]["type"] == "json_invalid":
        return Poison(raw, "MalformedJson", f"{model.__name__}: not valid JSON")
    if any(detail["loc"] == ("schema_version",) for detail in details):
        expected = model.model_fields["schema_version"].default
        reason = f"{model.__name__}: schema_version is not {expected}, the one this reader knows"
        return Poison(raw, "UnknownSchemaVersion", reason)
    named = [
        f"{'.'.join(str(part)[:64] for part in detail['loc']) or 'record'}: {detail['msg']}"
        for detail in details[:MAX_NAMED_ERRORS]
    ]
    return Poison(raw, "InvalidRecord", f"{model.__name__}: {'; '.join(named)}")
