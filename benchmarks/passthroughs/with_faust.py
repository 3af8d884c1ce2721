"""A hop with faust-streaming as its users write it: an agent that sends on what it gets."""

import os
import sys

import faust
from faust.types import StreamT


def app(source: str, sink: str) -> faust.App:
    """Return the app that copies records, bytes unchanged."""
    servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    made = faust.App(
        f"faust-{sink}",
        broker=f"kafka://{servers}",
        store="memory://",
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
    )
    taken = made.topic(source, key_type=bytes, value_type=bytes)
    given = made.topic(sink, key_type=bytes, value_type=bytes)

    @made.agent(taken)
    async def copy(stream: StreamT[bytes]) -> None:
        async for event in stream.events():
            await given.send(key=event.key, value=event.value)

    return made


if __name__ == "__main__":
    made = app(*sys.argv[1:])
    # Its command line is read from there.
    sys.argv[1:] = ["worker", "--loglevel", "warn"]
    made.main()
