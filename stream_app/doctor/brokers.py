"""Whether the brokers answer, and how long they remember a group that is away."""

from dataclasses import dataclass
from typing import Any

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import ClusterAuthorizationFailedError, for_code

from stream_app.config import Settings
from stream_app.doctor.finding import Finding, ok, warning
from stream_app.kafka.topics import admin_client

__all__ = ["BrokerFacts", "config_values", "judge_brokers", "look_at_brokers"]

CHECK = "brokers"
# A group that is down for longer begins again at the oldest records.
MIN_RETENTION_MINUTES = 7 * 24 * 60


@dataclass(frozen=True)
class BrokerFacts:
    """Addresses of the brokers, and `offsets.retention.minutes`, None where it isn't told."""

    addresses: list[str]
    offsets_retention_minutes: int | None


async def look_at_brokers(settings: Settings) -> BrokerFacts:
    """Ask the cluster who is there.

    Raises:
        KafkaError: If no broker can be reached.
    """
    async with admin_client(settings) as admin:
        cluster = await admin.describe_cluster()
        brokers = cluster["brokers"]
        asked = ConfigResource(ConfigResourceType.BROKER, str(brokers[0]["node_id"]))
        (answer,) = await admin.describe_configs([asked])
    try:
        (values,) = config_values(answer).values()
    except ClusterAuthorizationFailedError:
        # Not every user may see them, and nothing of ours needs it.
        values = {}
    retention = values.get("offsets.retention.minutes")
    return BrokerFacts(
        addresses=[f"{one['host']}:{one['port']}" for one in brokers],
        offsets_retention_minutes=None if retention is None else int(retention),
    )


def config_values(answer: Any) -> dict[str, dict[str, str | None]]:  # noqa: ANN401  # no types
    """Return the settings of each resource of an answer to `describe_configs`, by its name.

    Raises:
        KafkaError: If this user may not see those of one.
    """
    found = {}
    for code, message, _, name, entries in answer.resources:
        if code:
            raise for_code(code)(f"settings of {name}: {message}")
        found[name] = {entry[0]: entry[1] for entry in entries}
    return found


def judge_brokers(facts: BrokerFacts) -> list[Finding]:
    """Judge how long offsets are kept; that there are brokers is what they were asked by."""
    found = [ok(CHECK, f"{len(facts.addresses)} reached: {', '.join(facts.addresses)}")]
    minutes = facts.offsets_retention_minutes
    if minutes is not None and minutes < MIN_RETENTION_MINUTES:
        found.append(
            warning(
                CHECK,
                f"a group that is down for {minutes / 60:.0f} h begins anew at the oldest records: "
                f"set the brokers' offsets.retention.minutes to {MIN_RETENTION_MINUTES}",
            )
        )
    return found
