"""A real broker with locks: TLS with a CA of the test's own, SASL, mTLS, and access control."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from stream_app.embedded.kafka import EmbeddedKafka
from stream_app.embedded.ports import HOST, free_ports

# What comes twice, the last time counts. The plain listener is the test's own, and may do all.
PROPERTIES = """
listeners=PLAINTEXT://{host}:{port},SASL://{host}:{sasl},MUTUAL://{host}:{mutual},\
CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port},SASL://{host}:{sasl},MUTUAL://{host}:{mutual}
listener.security.protocol.map=\
PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_SSL,MUTUAL:SSL
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:plain;User:mutual
ssl.keystore.type=PEM
ssl.keystore.location=broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=ca.pem
ssl.principal.mapping.rules=RULE:^.*CN=([^,]+).*$/$1/
listener.name.mutual.ssl.client.auth=required
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_plain="{password}";
listener.name.sasl.scram-sha-256.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
PASSWORD = "a-planted-password"  # noqa: S105  # it opens nothing but this test's broker


@dataclass(frozen=True)
class Certificates:
    """Files in PEM: the CA's certificate, and the certificate and key of the client `mutual`."""

    ca: Path
    client: Path
    client_key: Path


class SecureKafka(EmbeddedKafka):
    """Besides its plain listener one for SASL over TLS, and one that asks for a certificate.

    `users` are known by SCRAM and may do nothing yet; `plain` (by PLAIN) and `mutual` (by its
    certificate) may do all.
    """

    def __init__(self, home: Path, data_dir: Path, users: Iterable[str]) -> None:
        super().__init__(home, data_dir)
        self._users = sorted(users)
        self._authority = trustme.CA()
        self._secure_ports = free_ports(2)
        self.certificates = self._write_certificates(data_dir)

    @property
    def sasl_address(self) -> str:
        return f"{HOST}:{self._secure_ports[0]}"

    @property
    def mutual_address(self) -> str:
        return f"{HOST}:{self._secure_ports[1]}"

    def _write_certificates(self, folder: Path) -> Certificates:
        (folder / "kafka").mkdir(parents=True)
        broker = self._authority.issue_cert(HOST)
        key = load_pem_private_key(broker.private_key_pem.bytes(), None)
        # Java reads no other form of key.
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain = b"".join(blob.bytes() for blob in broker.cert_chain_pems)
        (folder / "kafka" / "broker.pem").write_bytes(pem + chain)
        self._authority.cert_pem.write_to_path(folder / "kafka" / "ca.pem")
        client = self._authority.issue_cert("client.test", common_name="mutual")
        client.private_key_pem.write_to_path(folder / "client.key")
        client.cert_chain_pems[0].write_to_path(folder / "client.pem")
        return Certificates(
            folder / "kafka" / "ca.pem", folder / "client.pem", folder / "client.key"
        )

    def _properties(self) -> str:
        port, controller = self.ports
        sasl, mutual = self._secure_ports
        return super()._properties() + PROPERTIES.format(
            host=HOST,
            port=port,
            controller=controller,
            sasl=sasl,
            mutual=mutual,
            password=PASSWORD,
        )

    def _format_options(self) -> list[str]:
        return [
            option
            for user in self._users
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for option in ("--add-scram", f"{mechanism}=[name={user},password={PASSWORD}]")
        ]
