"""The rights in docs/security.md, as the broker is told of them."""

import re
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from stream_app.config import Settings
from stream_app.kafka.connection import client_options

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
ROW = re.compile(r"^\| `([a-z -]+)` " + r"\|([^|\n]*)" * 4 + r"\|$", re.MULTILINE)
# Numbers of the protocol: https://kafka.apache.org/protocol
TOPIC, GROUP, TRANSACTIONAL_ID = 2, 3, 5
LITERAL, PREFIXED = 3, 4
READ, WRITE, CREATE, DESCRIBE = 3, 4, 5, 8
ALLOW = 3


@dataclass(frozen=True)
class Right:
    """One thing that a user may do."""

    user: str
    operation: int
    resource: int
    name: str
    pattern: int = LITERAL


def documented() -> list[Right]:
    """The page's rights, for a user for each row, named as its process with dashes."""
    rights = []
    for process, *cells in ROW.findall(PAGE.read_text()):
        user = process.replace(" ", "-")
        reads, writes, groups, ids = (filter(None, cell.strip().split(", ")) for cell in cells)
        rights += [Right(user, READ, TOPIC, name) for name in reads]
        rights += [Right(user, WRITE, TOPIC, name) for name in writes]
        rights += [Right(user, READ, GROUP, name) for name in groups]
        rights += [Right(user, WRITE, TRANSACTIONAL_ID, name, PREFIXED) for name in ids]
        rights.append(Right(user, DESCRIBE, TOPIC, "", PREFIXED))
    rights.append(Right("topics-create", CREATE, TOPIC, "", PREFIXED))
    return rights


async def grant(settings: Settings, rights: list[Right]) -> None:
    """Grant rights on the names behind the deployment's prefix."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        for one in rights:
            name, principal = settings.topic_prefix + one.name, f"User:{one.user}"
            answer = await admin._send_request(
                CreateAclsRequest(
                    one.resource, name, one.pattern, principal, "*", one.operation, ALLOW
                )
            )
            (created,) = answer.to_object()["creation_responses"]
            assert created["error_code"] == 0, (one, created)
    finally:
        await admin.close()
