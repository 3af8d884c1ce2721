"""A consumer that is known to its group by a name of its own, over restarts.

The group keeps such a member's partitions for the session timeout: aiokafka does not leave the
group at a stop, and whoever joins under the name meanwhile gets them without a rebalance. aiokafka
0.14 names the member where it joins only, though. A broker answers the heartbeat of a nameless
member that was replaced with "unknown member", and aiokafka joins anew, which replaces the other:
two processes under one name would take each other's place for ever. Hence heartbeats with the name,
to which the answer is that the member is fenced (KIP-345).
"""

from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.group import HeartbeatRequest, HeartbeatResponse_v1
from aiokafka.protocol.types import Int32, Schema, String

__all__ = ["FencedInstanceError", "start_member"]

# FENCED_INSTANCE_ID, for which aiokafka has no class.
FENCED = 82


class FencedInstanceError(Exception):
    """Another process has joined the group under the same name: this one has no say any more."""


class _HeartbeatResponseV3(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 12
    API_VERSION = 3
    SCHEMA = HeartbeatResponse_v1.SCHEMA


class _HeartbeatRequestV3(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 12
    API_VERSION = 3
    RESPONSE_TYPE = _HeartbeatResponseV3
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("generation_id", Int32),
        ("member_id", String("utf-8")),
        ("group_instance_id", String("utf-8")),
    )


class _NamedHeartbeat(Request[_HeartbeatRequestV3]):  # type: ignore[misc]  # no types
    API_KEY = 12

    def __init__(self, nameless: HeartbeatRequest, instance_id: str) -> None:
        self._nameless = nameless
        self._instance_id = instance_id

    def build(self, request_struct_class: type[_HeartbeatRequestV3]) -> _HeartbeatRequestV3:
        known = self._nameless
        return request_struct_class(
            known._group, known._generation_id, known._member_id, self._instance_id
        )


async def start_member(consumer: AIOKafkaConsumer, instance_id: str) -> None:
    """Start a subscribed consumer; `instance_id` is its `group_instance_id`, "" for none.

    `getmany` raises `FencedInstanceError`, or a KafkaError that names it, once another process
    has taken the name.
    """
    await consumer.start()
    if not instance_id:
        return
    # Heartbeats begin before the start ends; the first one may go out nameless, which harms nobody.
    coordinator = consumer._coordinator
    send = coordinator._send_req

    async def send_named(request: Any) -> Any:  # noqa: ANN401  # as aiokafka's, which has no types
        if isinstance(request, HeartbeatRequest):
            request = _NamedHeartbeat(request, instance_id)
        response = await send(request)
        if getattr(response, "error_code", 0) == FENCED:
            # Not a KafkaError: aiokafka would try again after some of those.
            raise FencedInstanceError(
                f"another process has joined {coordinator.group_id} as {instance_id}: give each "
                f"worker a STREAM_APP_INSTANCE_ID of its own"
            )
        return response

    coordinator._send_req = send_named
