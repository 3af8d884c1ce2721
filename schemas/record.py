"""What all records have in common: strict, frozen, and open to newer writers.

Evolution rules: new fields are optional with a default, a field never changes its type, and a
removal is a new `schema_version`. A reader ignores fields that it doesn't know, so an old consumer
goes on while producers are upgraded; it refuses a version that it doesn't know, because what a
removed field meant can't be guessed. A new value of a closed choice (such as a kind of interaction)
is refused by old readers, in states too: all readers are upgraded first, and there is no way back.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["Id", "Record", "Text", "Weight", "Word"]

# Kafka's own limit for a key is the record's; 256 characters keep keys, logs and store keys small.
# Control characters are refused because ids end up in logs and terminals.
Id = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$", strict=True),
]
Word = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Text = Annotated[str, StringConstraints(max_length=10_000)]
Weight = Annotated[float, Field(ge=0)]


class Record(BaseModel):
    """Base of every record: frozen, strict types, unknown fields ignored, bytes as base64."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        strict=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
        allow_inf_nan=False,
        # A refused value may be a person's data: errors name the field and the rule, not the value.
        hide_input_in_errors=True,
    )
