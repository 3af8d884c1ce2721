"""Why Kafka does not let us in, in words that say what to do. Never with a password in them.

aiokafka answers every failed start with the addresses it tried, and only logs the reason.
"""

import ssl

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)

from stream_app.config import Settings
from stream_app.kafka.connection import client_options

__all__ = ["MISSING_RIGHTS", "KafkaAccessError", "next_step", "why_unreachable"]

# What no retry helps against: somebody has to grant the right.
MISSING_RIGHTS = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    ClusterAuthorizationFailedError,
)
# One that reaches no listener at all may just as well be silent.
PATIENCE_MS = 10_000


class KafkaAccessError(KafkaError):  # type: ignore[misc]  # aiokafka has no types
    """No connection to the brokers, with the reason and the next step."""

    def __str__(self) -> str:
        return str(self.args[0])


def next_step(error: BaseException) -> str:
    """Return what to put behind an error's message: what to look at, or nothing."""
    if isinstance(error, MISSING_RIGHTS):
        return "; docs/security.md lists the rights that each process's user needs"
    if isinstance(error, KafkaConnectionError | KafkaAccessError):
        return (
            "; KAFKA_BOOTSTRAP_SERVERS says where it is, `stream-app up` runs one on this machine, "
            "`stream-app doctor` looks closer"
        )
    return ""


async def why_unreachable(settings: Settings) -> KafkaAccessError:
    """Connect to each broker once more, and return what came in the way."""
    options = client_options(settings)
    reasons = []
    for host, port, _ in collect_hosts(options.pop("bootstrap_servers"), randomize=False):
        try:
            connection = await create_conn(host, port, request_timeout_ms=PATIENCE_MS, **options)
        except (OSError, KafkaError, TimeoutError) as error:
            reasons.append(f"{host}:{port} {_reason(error, settings)}")
        else:
            connection.close()
            reasons.append(f"{host}:{port} {_hangs_up(settings)}")
    return KafkaAccessError(f"Kafka can't be reached: {'; '.join(reasons)}")


def _reason(error: Exception, settings: Settings) -> str:
    # aiokafka wraps what TLS says of the client's certificate.
    cause = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
    match cause:
        case SaslAuthenticationFailed():
            return (
                f"refuses user {settings.kafka_sasl_username}: check KAFKA_SASL_USERNAME, "
                "KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM"
            )
        case UnsupportedSaslMechanismError():
            return (
                f"does not take {settings.kafka_sasl_mechanism}: set KAFKA_SASL_MECHANISM ({cause})"
            )
        case ssl.SSLCertVerificationError():
            return (
                f"has a certificate that is not trusted ({cause.verify_message}): "
                "KAFKA_SSL_CAFILE names the CA that signed it, KAFKA_BOOTSTRAP_SERVERS the "
                "host that it was made for"
            )
        case ssl.SSLError():
            return (
                f"ends TLS ({cause.reason}): check KAFKA_SSL_CERTFILE, which it may ask for, "
                f"and whether its listener is {settings.kafka_security_protocol}"
            )
        case KafkaConnectionError() | IllegalSaslStateError() | ConnectionResetError():
            return _hangs_up(settings)
        case TimeoutError():
            return "does not answer"
        case _:
            return f"fails: {cause}"


def _hangs_up(settings: Settings) -> str:
    return (
        f"hangs up: check KAFKA_SECURITY_PROTOCOL, which is {settings.kafka_security_protocol}, "
        "and whether it asks for a certificate (KAFKA_SSL_CERTFILE)"
    )
