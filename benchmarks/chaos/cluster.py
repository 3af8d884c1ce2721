"""Several brokers that hold each partition three times, as production has them."""

import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from stream_app.embedded.kafka import EmbeddedKafka
from stream_app.embedded.ports import HOST, free_ports

__all__ = ["Brokers"]

PORTS_OF_A_NODE = 2
# Two of three have each record before it is acknowledged, so that one can be lost.
PROPERTIES = """
node.id={node_id}
controller.quorum.voters={voters}
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
# A follower that is away counts as such after 3 s, not 30.
replica.lag.time.max.ms=3000
controller.quorum.election.timeout.ms=500
controller.quorum.fetch.timeout.ms=1000
"""


class _Node(EmbeddedKafka):
    """One of several: all know each other's ports before the first is started."""

    def __init__(
        self, home: Path, data_dir: Path, number: int, ports: Sequence[list[int]], cluster_id: str
    ) -> None:
        super().__init__(home, data_dir / f"broker-{number}")
        self._number = number
        self._ports_of_all = ports
        self._common_id = cluster_id

    def _choose_ports(self) -> list[int]:
        return self._ports_of_all[self._number]

    def _new_cluster_id(self) -> str:
        return self._common_id

    def _properties(self) -> str:
        voters = [
            f"{number}@{HOST}:{controller}"
            for number, (_, controller) in enumerate(self._ports_of_all)
        ]
        return super()._properties() + PROPERTIES.format(
            node_id=self._number, voters=",".join(voters)
        )


class Brokers:
    """One broker alone, or three that replicate; all run for as long as a `with` block lasts."""

    def __init__(self, home: Path, data_dir: Path, number: int) -> None:
        ports = free_ports(number * PORTS_OF_A_NODE)
        pairs = [ports[at : at + PORTS_OF_A_NODE] for at in range(0, len(ports), PORTS_OF_A_NODE)]
        cluster_id = secrets.token_urlsafe(16)
        self.nodes: list[EmbeddedKafka] = (
            [EmbeddedKafka(home, data_dir)]
            if number == 1
            else [_Node(home, data_dir, one, pairs, cluster_id) for one in range(number)]
        )
        self._cleanup = ExitStack()

    @property
    def address(self) -> str:
        """Addresses of all, for clients to begin with."""
        return ",".join(node.address for node in self.nodes)

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            for node in self.nodes:
                cleanup.callback(node.stop)
                node.launch()
            for node in self.nodes:
                # None serves before the majority of the controllers runs.
                node.wait_until_ready()
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        # Together: the last alone has no majority to say goodbye to, and would wait for one.
        for node in self.nodes:
            node.terminate()
        self._cleanup.close()
