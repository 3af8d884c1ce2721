"""How every Kafka client of ours connects. The one place that knows of addresses, TLS and SASL."""

from typing import Any

from stream_app.config import Settings
from stream_app.tls import tls_context

__all__ = ["client_options"]


def client_options(settings: Settings) -> dict[str, Any]:
    """Return what each aiokafka client is made with. It holds the password: never log it.

    Raises:
        SettingsError: If a certificate file can't be used.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.uses_tls:
        options["ssl_context"] = tls_context(
            settings.kafka_ssl_cafile, settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile
        )
    if settings.uses_sasl:
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_sasl_username
        options["sasl_plain_password"] = settings.kafka_sasl_password.get_secret_value()
    return options
